// Runs in: template. The listening end of a control socket that other processes than its starter can reach: a socket
// file or an abstract name. If the server is restarted, it goes from one template to the next.
import { lstatSync, rmdirSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { isErrno, type Native, RECEIVED_DESCRIPTORS } from '../platform/native.js'
import { makerOf } from '../platform/socket-folder.js'
import { listenReplacingStale } from '../platform/stale-socket.js'
import type { ListenAddress } from '../wire/startup.js'

const BACKLOG = 128
/**
 * How long the listener waits after accept() failed because no descriptor was free, in milliseconds; otherwise poll()
 * would report it again at once. Also how often it looks whether a name is free by now.
 */
const REST_MS = 100

// What comes from the template before this one: the listening socket, or that through which it comes.
const LISTENING = Buffer.of(0)
const INHERITANCE = Buffer.of(1)

/** A listening unix socket. */
export class Listener {
  readonly #native: Native
  readonly #address: ListenAddress
  #restsUntil = 0
  /** Whether it has to listen by itself, and another template still has the name. */
  #waitsForName = false
  /** Of the socket file that is this one's to remove; else 0. */
  #inode = 0
  /** Through this descriptor the listening socket comes; -1 if it does not come, or has. */
  #inheritance: number
  /** Its descriptor, or minus an errno: see `listen`. */
  fd = -1

  /** @param inheritance the descriptor through which the listening socket comes from another template, or -1 */
  constructor(native: Native, address: ListenAddress, inheritance: number) {
    this.#native = native
    this.#address = address
    this.#inheritance = inheritance
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
    if (!('path' in this.#address)) return
    try {
      this.#inode = lstatSync(this.#address.path).ino
    } catch {
      this.#inode = 0 // somebody has removed the file
    }
  }

  /** The descriptor to poll: that of the listening socket, or the one through which it comes. -1 if there is none. */
  get polled(): number {
    return this.#inheritance >= 0 ? this.#inheritance : this.fd
  }

  /** Takes the listening socket of the template before this one. If none comes, this one listens by itself. */
  #inherit(): void {
    const what = Buffer.alloc(1)
    const descriptors = new Int32Array(RECEIVED_DESCRIPTORS)
    this.#native.receive(this.#inheritance, what, descriptors)
    this.#native.close(this.#inheritance)
    this.#inheritance = -1
    if (descriptors[0] !== 1) {
      this.#waitsForName = true
      return
    }
    if (what.equals(INHERITANCE)) {
      this.#inheritance = descriptors[1]!
      return
    }
    this.fd = descriptors[1]!
    // Else clients would see the process that listened first, and take this one for one of another pid namespace.
    this.#native.listenAgain(this.fd, BACKLOG)
    this.#noteInode()
  }

  /** Listens by itself, if it has to, as soon as the template before this one has let go of the name. */
  claimName(now: number): void {
    if (!this.#waitsForName || now < this.#restsUntil) return
    this.#waitsForName = this.listen() !== 0
    if (this.#waitsForName) this.#restsUntil = now + REST_MS
  }

  /**
   * Gives the next template the listening socket, or that through which it is still to come. The name is the next one's
   * in any case: it listens by itself if nothing comes.
   *
   * @param to undefined if the descriptor was lost
   */
  handOver(to: number | undefined): void {
    this.#waitsForName = false
    const [what, fd] = this.#inheritance >= 0 ? [INHERITANCE, this.#inheritance] : [LISTENING, this.fd]
    const isSent = to !== undefined && fd >= 0 && this.#native.send(to, what, Int32Array.of(fd)) === what.length
    if (to !== undefined && fd >= 0 && !isSent) return // there is no next one: this one keeps the name, and removes it
    this.#inode = 0
    if (!isSent) return
    this.#native.close(fd)
    this.#inheritance = -1
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
