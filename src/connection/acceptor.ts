// Runs in: owner and child. Listening sockets, made by our own system calls (unix sockets on Linux) or by node:net.

import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import net from 'node:net'
import { ResourceError } from '../errors.js'
import { errnoName, isErrno, type Native, resourceError, WATCH_READABLE, type Watcher } from '../platform/native.js'
import { listenReplacingStale } from '../platform/stale-socket.js'
import { clearTimeout, setTimeout } from '../platform/timers.js'
import { type Address, checkLength, fromInfo, netPath, show } from './address.js'
import { NativeTransport } from './native-transport.js'
import { NetTransport } from './net-transport.js'
import type { Transport } from './transport.js'

/** How many connections are accepted in one turn of the event loop, before other events are handled. */
const ACCEPTS_IN_A_ROW = 64
/**
 * How many milliseconds a listener pauses after accept() failed because no descriptor was free. Without the pause the
 * event loop would report the same connection again at once.
 */
const REST_MS = 100

/** Who is told about connections and failures of a listening socket. */
export interface Doorkeeper {
  arrived(transport: Transport, from: Address | undefined): void
  /** accept() failed. The listener continues. */
  failed(error: Error): void
}

/** A listening socket. */
export interface Acceptor {
  readonly address: Address
  /** Whether to accept connections. If not, they wait in the kernel, as far as the kind of socket allows. */
  setAccepting(on: boolean): void
  /** Whether somebody waits for a connection. Only then does the socket keep the process alive. */
  setWaiting(on: boolean): void
  close(): Promise<void>
}

/** Where and how to listen. */
export interface Listening {
  readonly address: Address
  readonly backlog: number
  readonly permissions: number
}

function listenError(code: string, address: Address, cause?: Error): ResourceError {
  const where = show(address)
  if (code === 'EADDRINUSE') {
    const text =
      `Another process already listens at ${where}, or a file has that name. ` +
      'Choose another address, or end that process.'
    return new ResourceError('ERR_ADDRESS_IN_USE', text, { errno: code, syscall: 'bind', cause })
  }
  const text =
    `Listening at ${where} failed with ${code}. ` +
    'Choose an address that exists on this machine and that this process may use.'
  return new ResourceError('ERR_RESOURCE', text, { errno: code, syscall: 'bind', cause })
}

class NativeAcceptor implements Acceptor {
  readonly address: Address
  readonly #native: Native
  readonly #fd: number
  readonly #inode: number
  readonly #doorkeeper: Doorkeeper
  readonly #watcher: Watcher
  #isAccepting = false
  #rest: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(native: Native, { address, backlog, permissions }: Listening, doorkeeper: Doorkeeper) {
    const [name, isAbstract] = 'abstract' in address ? [address.abstract, true] : [netPath(address), false]
    checkLength(name)
    const fd = listenReplacingStale(native, { name, isAbstract, backlog, permissions })
    if (fd < 0) throw listenError(errnoName(-fd), address)
    this.#native = native
    this.#fd = fd
    this.#doorkeeper = doorkeeper
    this.address = address
    this.#inode = isAbstract ? 0 : lstatSync(name).ino
    // The kernel created the file with the permissions that the umask left. This sets those that were asked for.
    if (!isAbstract) chmodSync(name, permissions)
    const watcher = native.watch(fd, () => this.#accept())
    if (typeof watcher === 'number') throw resourceError('epoll_ctl', -watcher)
    this.#watcher = watcher
    native.holdLoop(watcher, 0)
  }

  setAccepting(on: boolean): void {
    if (on === this.#isAccepting || this.#isClosed) return
    this.#isAccepting = on
    if (!this.#rest) this.#native.watchFor(this.#watcher, on ? WATCH_READABLE : 0)
  }

  setWaiting(on: boolean): void {
    if (!this.#isClosed) this.#native.holdLoop(this.#watcher, on ? 1 : 0)
  }

  #accept(): void {
    for (let count = 0; this.#isAccepting && !this.#isClosed && count < ACCEPTS_IN_A_ROW; count++) {
      const fd = this.#native.accept(this.#fd)
      if (isErrno(fd, 'EAGAIN')) return
      if (fd < 0) return this.#fail(-fd)
      this.#doorkeeper.arrived(new NativeTransport(this.#native, fd), undefined)
    }
  }

  #fail(errno: number): void {
    if (errnoName(errno) === 'ECONNABORTED') return
    this.#native.watchFor(this.#watcher, 0)
    this.#rest = setTimeout(() => {
      this.#rest = undefined
      if (this.#isAccepting && !this.#isClosed) this.#native.watchFor(this.#watcher, WATCH_READABLE)
    }, REST_MS)
    this.#doorkeeper.failed(resourceError('accept', errno))
  }

  close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#rest)
    this.#native.unwatch(this.#watcher)
    this.#native.close(this.#fd)
    if ('path' in this.address) removeFile(this.address.path, this.#inode)
    return Promise.resolve()
  }
}

/** Removes the socket file, unless another listener has replaced it. */
function removeFile(path: string, inode: number): void {
  try {
    if (lstatSync(path).ino === inode) unlinkSync(path)
  } catch {} // somebody has removed it before
}

class NetAcceptor implements Acceptor {
  readonly address: Address
  readonly #server: net.Server

  private constructor(server: net.Server, address: Address, doorkeeper: Doorkeeper) {
    this.#server = server
    this.address = address
    server.unref()
    server.on('error', (error) => doorkeeper.failed(error))
    server.on('connection', (socket) => {
      const { remoteAddress, remotePort } = socket
      const from = remoteAddress === undefined ? undefined : fromInfo({ address: remoteAddress, port: remotePort! })
      doorkeeper.arrived(new NetTransport(socket), from)
    })
  }

  static async listen({ address, backlog, permissions }: Listening, doorkeeper: Doorkeeper): Promise<NetAcceptor> {
    const place = 'host' in address ? { host: address.host, port: address.port } : { path: netPath(address) }
    if ('path' in place) checkLength(place.path)
    let server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
    const listen = (): Promise<void> =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ ...place, backlog, exclusive: true }, () => {
          server.off('error', reject)
          resolve()
        })
      })
    try {
      await listen().catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE' || !('path' in place) || !(await isStaleFile(place.path))) throw error
        unlinkSync(place.path)
        server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
        await listen()
      })
    } catch (error) {
      throw listenError((error as NodeJS.ErrnoException).code ?? 'unknown', address, error as Error)
    }
    // node:net has bound the socket already. For a moment the file has the mode that the umask left.
    if ('path' in place && process.platform !== 'win32') chmodSync(place.path, permissions)
    const info = server.address()
    const actual = typeof info === 'object' && info !== null ? fromInfo(info) : address
    return new NetAcceptor(server, actual, doorkeeper)
  }

  setAccepting(): void {} // node:net cannot pause; the limits of the listener still hold

  setWaiting(on: boolean): void {
    if (on) this.#server.ref()
    else this.#server.unref()
  }

  close(): Promise<void> {
    // Not awaited, because node:net calls back only when every accepted connection is closed, too. The listening socket
    // itself is closed now.
    this.#server.close()
    return Promise.resolve()
  }
}

async function isStaleFile(path: string): Promise<boolean> {
  if (!lstatSync(path).isSocket()) return false
  return new Promise((resolve) => {
    const socket = net.connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}

/**
 * Listens.
 *
 * @param native the addon, if there is one
 * @throws ResourceError ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG, ERR_RESOURCE; UsageError ERR_UNSUPPORTED
 */
export async function openAcceptor(
  native: Native | undefined,
  listening: Listening,
  doorkeeper: Doorkeeper,
): Promise<Acceptor> {
  if (native && !('host' in listening.address)) return new NativeAcceptor(native, listening, doorkeeper)
  return NetAcceptor.listen(listening, doorkeeper)
}
