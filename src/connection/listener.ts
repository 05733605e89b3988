// Runs in: owner and child. Accepts connections and authenticates them, like multiprocessing.connection.Listener. Each
// handshake runs by itself under a time limit, so a client that fails it does not affect the others.

import { EventEmitter } from 'node:events'
import { AuthError, UsageError } from '../errors.js'
import { findNative, type Native } from '../platform/native.js'
import { clearTimeout, performance, queueMicrotask, setTimeout } from '../platform/timers.js'
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
import type { ListenerEvents } from './listener-events.js'
import type { Transport } from './transport.js'
import { type Readiness, WAITABLE } from './wait.js'

interface Waiter<T> {
  resolve(connection: Connection<T>): void
  reject(error: unknown): void
}

/**
 * Listens for connections. It emits `clientError` for every client that was refused.
 *
 * It keeps the process alive only while somebody waits in accept() or in `for await`.
 *
 * @typeParam T the type of the values that its connections send and receive
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
  /** Connections whose handshake is running, oldest first, each with the function that ends it. */
  readonly #pending = new Map<Connection<T>, (error: Error) => void>()
  readonly #unproved: Admission<Connection<T>>
  /** Clients that node:net accepted without room for them: it cannot leave them in the kernel. */
  readonly #queued: [Transport, Address | undefined][] = []
  #roomTimer: NodeJS.Timeout | undefined
  /** Authenticated connections that wait for accept(). */
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
   * Starts to listen.
   *
   * @param options `address` and `authKey` are required
   * @returns the listener, when clients can connect
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED
   * @throws ResourceError ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG, ERR_RESOURCE
   */
  static listen<T = unknown>(options: ListenOptions<T>): Promise<Listener<T>> {
    const found = findNative()
    return Listener.listenWith('native' in found ? found.native : undefined, options)
  }

  /** Like listen(), with or without the addon. @internal */
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

  /** The address where it listens, with the port that was chosen. */
  get address(): Address {
    return this.#acceptor.address
  }

  /**
   * The address of the client that accept() returned last. Undefined on unix sockets, whose clients have no address.
   */
  get lastAccepted(): Address | undefined {
    return this.#lastAccepted
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  #arrived(transport: Transport, from: Address | undefined): void {
    if (this.#closing) return void transport.close(closedError())
    if (this.#mayBegin) return this.#begin(transport, from)
    if (this.#queued.length < this.#options.backlog) return void this.#queued.push([transport, from])
    const text =
      `A client was turned away: ${this.#queued.length} others wait to be served already. ` +
      'Call accept() sooner, or raise backlog.'
    const error = new AuthError('ERR_AUTH_TIMEOUT', text)
    void transport.close(error)
    this.emit('clientError', error, from)
  }

  /** Whether there is room for one more handshake. */
  get #hasRoom(): boolean {
    return this.#unproved.acceptsFrom <= performance.now()
  }

  /** Whether one more client may begin: there is room for its handshake, and behind it in the queue for accept(). */
  get #mayBegin(): boolean {
    return this.#ready.length < this.#options.backlog && this.#hasRoom
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
    dropped.catch(() => {}) // Promise.race() below handles it
    const oldest = this.#unproved.inTheWay
    if (oldest) {
      this.#unproved.remove(oldest)
      const text =
        'The handshake did not finish, and other clients wait for their own. ' +
        `Raise maxPendingHandshakes (it is ${maxPendingHandshakes}) if there are that many.`
      this.#pending.get(oldest)?.(new AuthError('ERR_AUTH_TIMEOUT', text))
    }
    this.#unproved.add(connection, performance.now())
    this.#restrain()
    try {
      await Promise.race([shakeHands(connection, 'listener', key.borrowBytes(), { policy, timeout }), dropped])
      this.#unproved.proved(connection, performance.now())
    } finally {
      this.#pending.delete(connection)
      this.#unproved.remove(connection)
    }
  }

  /** Accepts if one more client may begin. Other clients wait in the kernel, or else in `#queued`. */
  #restrain(): void {
    if (this.#closing) return
    while (this.#queued.length > 0 && this.#mayBegin) this.#begin(...this.#queued.shift()!)
    this.#acceptor.setAccepting(this.#mayBegin)
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
   * Waits for a client that has proved that it holds the key. If several calls wait, the earliest gets the first
   * client.
   *
   * @param options `signal` cancels the call. No client is lost
   * @returns the connection to that client
   * @throws UsageError ERR_INVALID_STATE if the listener is closed, before or during the call; AbortError
   */
  accept(options: ReceiveOptions = {}): Promise<Connection<T>> {
    const { signal } = options
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

  /**
   * The accepted connections, until the listener is closed. Leaving the loop does not close the listener.
   *
   * @returns an iterator over the connections
   */
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
   * Stops listening. It removes the socket file, overwrites the key, and disconnects clients that were not accepted
   * yet; accepted connections stay open. Waiting accept() calls reject, and `for await` ends. You may call it again.
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

  /** Closes it, as close() does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function closedError(): UsageError {
  return new UsageError('ERR_INVALID_STATE', 'This listener is closed. Call Listener.listen() for a new one.')
}
