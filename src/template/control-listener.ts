// Runs in: template. The listening end of a control socket that other processes than its starter can reach: a socket
// file or an abstract name. If the server is restarted, it goes from one template to the next.
import { lstatSync, rmdirSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { isErrno, type Native, RECEIVED_DESCRIPTORS } from '../platform/native.js'
import { makerOf } from '../platform/socket-folder.js'
import { listenReplacingStale } from '../platform/stale-socket.js'
import { type ListenAddress, TEMPLATE_DESCRIPTORS } from '../wire/startup.js'

const BACKLOG = 128
/**
 * How long the listener waits after accept() failed because no descriptor was free, in milliseconds.
 * Otherwise poll() would report it again at once.
 */
const REST_MS = 100

const ONE_BYTE = Buffer.of(0)

/** A listening unix socket. */
export class Listener {
  readonly #native: Native
  readonly #address: ListenAddress
  #restsUntil = 0
  #inode = 0
  /** Through this descriptor the listening socket comes; -1 if it does not come, or has. */
  #inheritance: number
  /** Its descriptor, or minus an errno: see `listen`. */
  fd = -1

  /** @param options.inherits whether the listening socket comes from another template */
  constructor(native: Native, address: ListenAddress, { inherits }: { inherits: boolean }) {
    this.#native = native
    this.#address = address
    this.#inheritance = inherits ? TEMPLATE_DESCRIPTORS.inheritance : -1
  }

  /** Listens, unless it inherits a listening socket. Returns 0 or an errno. */
  listen(): number {
    if (this.#inheritance >= 0) return 0
    const isAbstract = 'abstract' in this.#address
    const name = 'abstract' in this.#address ? this.#address.abstract : this.#address.path
    this.fd = listenReplacingStale(this.#native, { name, isAbstract, backlog: BACKLOG })
    if (this.fd < 0) return -this.fd
    this.#noteInode()
    return 0
  }

  #noteInode(): void {
    if ('path' in this.#address) this.#inode = lstatSync(this.#address.path, { throwIfNoEntry: false })?.ino ?? 0
  }

  /** The descriptor to poll: that of the listening socket, or the one through which it comes. -1 if there is none. */
  get polled(): number {
    return this.#inheritance >= 0 ? this.#inheritance : this.fd
  }

  /** Takes the listening socket of the template before this one. If none comes, this one listens by itself. */
  #inherit(): void {
    const descriptors = new Int32Array(RECEIVED_DESCRIPTORS)
    this.#native.receive(this.#inheritance, Buffer.alloc(1), descriptors)
    this.#native.close(this.#inheritance)
    this.#inheritance = -1
    if (descriptors[0] !== 1) {
      this.listen()
      return
    }
    this.fd = descriptors[1]!
    this.#noteInode()
  }

  /** Gives the listening socket to the next template, and keeps the name. */
  handOver(to: number): void {
    if (this.fd < 0) return
    if (this.#native.send(to, ONE_BYTE, Int32Array.of(this.fd)) !== ONE_BYTE.length) return
    this.#native.close(this.fd)
    this.fd = -1
  }

  /** When it accepts again, by performance.now(). The time is in the past if it does not wait. */
  get restsUntil(): number {
    return this.#restsUntil
  }

  /** The descriptor of a new connection, or -1 if there is none. */
  accept(): number {
    if (this.#inheritance >= 0) {
      this.#inherit()
      return -1
    }
    const fd = this.#native.accept(this.fd)
    if (isErrno(fd, 'EMFILE') || isErrno(fd, 'ENFILE')) this.#restsUntil = performance.now() + REST_MS
    return fd >= 0 ? fd : -1
  }

  /** Removes the name, unless another process has it by now. */
  remove(): void {
    if (this.fd < 0) return
    this.#native.close(this.fd)
    this.fd = -1
    if ('abstract' in this.#address) return
    try {
      if (lstatSync(this.#address.path).ino !== this.#inode) return
      unlinkSync(this.#address.path)
      const folder = path.dirname(this.#address.path)
      if (makerOf(path.basename(folder))) rmdirSync(folder) // another name is the user's
    } catch {} // the owner was faster
  }
}
