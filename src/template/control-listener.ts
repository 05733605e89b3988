// Runs in: template. The listening end of a control socket that other processes than its starter
// can reach: a socket file or an abstract name.
import { lstatSync, rmdirSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { isErrno, type Native } from '../platform/native.js'
import { listenReplacingStale } from '../platform/stale-socket.js'
import type { ListenAddress } from '../wire/startup.js'

const BACKLOG = 128
/**
 * How long the listener waits after accept() failed because no descriptor was free, in milliseconds.
 * Otherwise poll() would report it again at once.
 */
const REST_MS = 100

/** A listening unix socket. */
export class Listener {
  readonly #native: Native
  readonly #address: ListenAddress
  #restsUntil = 0
  #inode = 0
  /** Its descriptor, or minus an errno: see `listen`. */
  fd = -1

  constructor(native: Native, address: ListenAddress) {
    this.#native = native
    this.#address = address
  }

  /** Listens. Returns 0 or an errno. */
  listen(): number {
    const isAbstract = 'abstract' in this.#address
    const name = 'abstract' in this.#address ? this.#address.abstract : this.#address.path
    this.fd = listenReplacingStale(this.#native, { name, isAbstract, backlog: BACKLOG })
    if (this.fd < 0) return -this.fd
    if (!isAbstract) this.#inode = lstatSync(name).ino
    return 0
  }

  /** When it accepts again, by performance.now(). The time is in the past if it does not wait. */
  get restsUntil(): number {
    return this.#restsUntil
  }

  /** The descriptor of a new connection, or -1 if there is none. */
  accept(): number {
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
      if (path.basename(folder).startsWith('forkserver-')) rmdirSync(folder) // another name is the user's
    } catch {} // the owner was faster
  }
}
