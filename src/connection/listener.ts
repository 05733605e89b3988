// Runs in: owner and child. Accepts connections and lets only those in that prove themselves: multiprocessing.connection.Listener. Every
// handshake runs by itself, under a deadline, and whoever fails it disturbs nobody.
import { EventEmitter } from 'node:events'
import { AuthError, UsageError } from '../errors.js'
import { findNative, type Native } from '../platform/native.js'
import { abortError } from '../promises/abort.js'
import { Admission } from '../wire/auth/admission.js'
import { type Acceptor, openAcceptor } from './acceptor.js'
import type { Address } from './address.js'
import { shakeHands } from './authentication.js'
import { Connection } from './connection.js'
import {
  type CheckedListenOptions,
  type Credentials,
  checkListen,
  credentialsOf,
  type ListenOptions,
  type ReceiveOptions,
} from './connection-options.js'
import type { Transport } from './transport.js'
import { type Readiness, WAITABLE } from './wait.js'

/** What a listener reports. */
export interface ListenerEvents {
  /**
   * A client was turned away, or accept(2) failed: why, and where it came from (undefined on unix sockets). The listener goes on.
   * The error is an AuthError, a ProtocolError or a ResourceError.
   */
  clientError: [error: Error, from: Address | undefined]
}

interface Waiter<T> {
  resolve(connection: Connection<T>): void
  reject(error: unknown): void
}

/**
 * Listens for connections. `clientError` is emitted for every client that was turned away.
 *
 * It keeps the process alive only while somebody waits in accept() or in `for await`.
 *
 * @typeParam T what its connections send and receive
 * @example
 * await using listener = await Listener.listen({ address: { path: '/run/app.sock' }, authKey })
 * for await (const connection of listener) serve(connection)
 */
export class Listener<T = unknown>
  extends EventEmitter<ListenerEvents>
  implements AsyncDisposable, AsyncIterable<Connection<T>>
{
  readonly #options: CheckedListenOptions
  readonly #credentials: Credentials | null
  #acceptor!: Acceptor
  /** Connections whose handshake runs, with what drops each. */
  readonly #pending = new Map<Connection<T>, (error: Error) => void>()
  readonly #unproved: Admission<Connection<T>>
  /** Clients that node:net accepted though there is no room for their handshake: it cannot leave them in the kernel. */
  readonly #queued: [Transport, Address | undefined][] = []
  #roomTimer: NodeJS.Timeout | undefined
  /** Connections that are proved and wait for accept(). */
  readonly #ready: Connection<T>[] = []
  #waiters: Waiter<T>[] = []
  #onlookers: (() => void)[] = []
  #closing: Promise<void> | undefined
  #lastAccepted: Address | undefined

  private constructor(options: CheckedListenOptions) {
    super()
    this.#options = options
    this.#credentials = credentialsOf(options)
    this.#unproved = new Admission(options.maxPendingHandshakes)
  }

  /**
   * Listens.
   *
   * @param options `address` and `authKey` are needed
   * @returns the listener, when clients can connect
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED
   * @throws ResourceError ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG, ERR_RESOURCE
   */
  static listen<T = unknown>(options: ListenOptions<T>): Promise<Listener<T>> {
    const found = findNative()
    return Listener.listenWith('native' in found ? found.native : undefined, options)
  }

  /** As listen(), with the addon or without. @internal */
  static async listenWith<T = unknown>(native: Native | undefined, options: ListenOptions<T>): Promise<Listener<T>> {
    const listener = new Listener<T>(checkListen(options))
    try {
      listener.#acceptor = await openAcceptor(native, listener.#options, {
        arrived: (transport, from) => listener.#arrived(transport, from),
        failed: (error) => void listener.emit('clientError', error, undefined),
      })
    } catch (error) {
      listener.#credentials?.key.destroy()
      throw error
    }
    listener.#restrain()
    return listener
  }

  /** Where it listens, with the port that was picked. */
  get address(): Address {
    return this.#acceptor.address
  }

  /** Where the connection came from that accept() returned last. Undefined on unix sockets, whose clients have no name. */
  get lastAccepted(): Address | undefined {
    return this.#lastAccepted
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  #arrived(transport: Transport, from: Address | undefined): void {
    if (this.#closing) return void transport.close(closedError())
    if (this.#hasRoom) return this.#begin(transport, from)
    if (this.#queued.length < this.#options.backlog) return void this.#queued.push([transport, from])
    const text = `A client was turned away: ${this.#queued.length} others wait to begin their handshake. Raise backlog or maxPendingHandshakes.`
    const error = new AuthError('ERR_AUTH_TIMEOUT', text)
    void transport.close(error)
    this.emit('clientError', error, from)
  }

  /** Whether one more client may begin its handshake now. */
  get #hasRoom(): boolean {
    return this.#unproved.acceptsFrom <= performance.now()
  }

  #begin(transport: Transport, from: Address | undefined): void {
    const connection = new Connection<T>({ transport, options: this.#options, address: from })
    void this.#admit(connection, from)
  }

  async #admit(connection: Connection<T>, from: Address | undefined): Promise<void> {
    try {
      if (this.#credentials) await this.#prove(connection, this.#credentials)
      if (this.#closing) throw closedError()
      this.#ready.push(connection)
      this.#serve()
    } catch (error) {
      await connection.close()
      if (!this.#closing) this.emit('clientError', error as Error, from)
    }
    this.#restrain()
  }

  async #prove(connection: Connection<T>, { key, policy }: Credentials): Promise<void> {
    const { handshakeTimeout: timeout, maxPendingHandshakes } = this.#options
    const dropped = new Promise<never>((_, reject) => this.#pending.set(connection, reject))
    dropped.catch(() => {}) // it is raced below
    const oldest = this.#unproved.inTheWay
    if (oldest) {
      this.#unproved.remove(oldest)
      const text = `A client did not prove itself, and others wait: ${maxPendingHandshakes} may be unproved (maxPendingHandshakes).`
      this.#pending.get(oldest)?.(new AuthError('ERR_AUTH_TIMEOUT', text))
    }
    this.#unproved.add(connection, performance.now())
    this.#restrain()
    try {
      await Promise.race([shakeHands(connection, 'listener', key.borrowBytes(), { policy, timeout }), dropped])
    } finally {
      this.#pending.delete(connection)
      this.#unproved.remove(connection)
    }
  }

  /** Accepts if there is room: for a connection that waits for accept(), and for a handshake. The others wait in the kernel. */
  #restrain(): void {
    if (this.#closing) return
    while (this.#queued.length > 0 && this.#hasRoom) this.#begin(...this.#queued.shift()!)
    this.#acceptor.setAccepting(this.#ready.length < this.#options.backlog && this.#hasRoom)
    if (this.#hasRoom) return
    clearTimeout(this.#roomTimer)
    const wait = Math.ceil(this.#unproved.acceptsFrom - performance.now())
    this.#roomTimer = setTimeout(() => this.#restrain(), wait).unref()
  }

  #serve(): void {
    while (this.#ready.length > 0 && this.#waiters.length > 0) this.#waiters.shift()!.resolve(this.#takeReady())
    if (this.#ready.length > 0) for (const callback of this.#onlookers.splice(0)) callback()
    this.#hold()
  }

  #takeReady(): Connection<T> {
    const connection = this.#ready.shift()!
    this.#lastAccepted = connection.address
    this.#restrain()
    return connection
  }

  #hold(): void {
    if (!this.#closing) this.#acceptor.setWaiting(this.#waiters.length > 0 || this.#onlookers.length > 0)
  }

  /**
   * Waits for a connection that has proved itself. Several calls may wait: they are served in order.
   *
   * @throws UsageError ERR_INVALID_STATE where the listener is closed, before or meanwhile; AbortError
   */
  accept({ signal }: ReceiveOptions = {}): Promise<Connection<T>> {
    if (this.#closing) return Promise.reject(closedError())
    if (signal?.aborted) return Promise.reject(abortError(signal))
    if (this.#ready.length > 0 && this.#waiters.length === 0) return Promise.resolve(this.#takeReady())
    return new Promise<Connection<T>>((resolve, reject) => {
      const forget = (): void => signal?.removeEventListener('abort', abort)
      const waiter: Waiter<T> = {
        resolve: (connection) => {
          forget()
          resolve(connection)
        },
        reject: (error) => {
          forget()
          reject(error)
        },
      }
      const abort = (): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        this.#hold()
        reject(abortError(signal!))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiters.push(waiter)
      this.#hold()
    })
  }

  /** Connections, until the listener is closed. Leaving the loop leaves it open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Connection<T>, void, undefined> {
    while (!this.#closing) {
      let connection: Connection<T>
      try {
        connection = await this.accept()
      } catch (error) {
        if (this.#closing) return
        throw error
      }
      yield connection
    }
  }

  /** @internal */
  [WAITABLE](): Readiness {
    if (this.#closing) throw closedError()
    const listener = this
    return {
      get isReady() {
        return listener.#ready.length > 0 || listener.closed
      },
      onReady: (callback) => {
        this.#onlookers.push(callback)
        this.#hold()
        return () => {
          this.#onlookers = this.#onlookers.filter((other) => other !== callback)
          this.#hold()
        }
      },
    }
  }

  /**
   * Listens no more. The socket file is removed, the key overwritten; clients that have not been accepted are closed, those that have
   * are not. accept() rejects, and `for await` ends. Calling it again is harmless.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const error = closedError()
    clearTimeout(this.#roomTimer)
    for (const [transport] of this.#queued.splice(0)) void transport.close(error)
    const closing = [this.#acceptor.close(), ...this.#ready.splice(0).map((connection) => connection.close())]
    for (const [connection] of this.#pending) closing.push(connection.close())
    this.#credentials?.key.destroy()
    queueMicrotask(() => {
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
      for (const callback of this.#onlookers.splice(0)) callback()
    })
    await Promise.all(closing)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function closedError(): UsageError {
  return new UsageError('ERR_INVALID_STATE', 'This listener is closed.')
}
