// Runs in: owner and child. A connection of messages, as users hold it: the counterpart of multiprocessing.connection.Connection.
import { UsageError } from '../errors.js'
import { native } from '../platform/native.js'
import type { Address } from './address.js'
import { type Codec, codecOf } from './codecs.js'
import {
  type ConnectionOptions,
  checkConnection,
  checkMaxLength,
  checkPart,
  DEFAULT_MAX_MESSAGE_BYTES,
  type ReceiveBytesOptions,
  type ReceiveOptions,
  type SendOptions,
} from './connection-options.js'
import { Inbox } from './inbox.js'
import { NativeTransport } from './native-transport.js'
import { Sender } from './sender.js'
import type { Transport } from './transport.js'
import { WAITABLE, wait } from './wait.js'

/** What a connection is made of. @internal */
export interface Parts {
  readonly transport: Transport
  readonly options?: ConnectionOptions | undefined
  readonly address?: Address | undefined
  readonly readable?: boolean
  readonly writable?: boolean
}

/**
 * Messages in both directions, whole and in order. Made by connect(), Listener.accept(), pipe() and Connection.open().
 *
 * It keeps the process alive only while something waits on it: a recv(), a poll(), or a message that has not left yet.
 *
 * @typeParam T what it sends and receives. Nothing checks that the other side keeps to it, unless the codec does.
 */
export class Connection<T = unknown> implements AsyncDisposable, AsyncIterable<T> {
  readonly #transport: Transport
  readonly #inbox: Inbox
  readonly #outgoing: Sender
  readonly #codec: Codec<T>
  #closing: Promise<void> | undefined
  #isDetached = false
  /** Whether it receives. False for the writing end of pipe({ duplex: false }). */
  readonly readable: boolean
  /** Whether it sends. False for the reading end of pipe({ duplex: false }). */
  readonly writable: boolean
  /** The address that was connected to, or of the client of a TCP connection that was accepted; undefined where there is none. */
  readonly address: Address | undefined

  /** @internal */
  constructor({ transport, options = {}, address, readable = true, writable = true }: Parts) {
    this.#transport = transport
    this.#outgoing = new Sender(transport)
    // What a named codec reads is what its user says that it is.
    this.#codec = codecOf(options.codec ?? 'clone') as Codec<T>
    this.readable = readable
    this.writable = writable
    this.address = address
    const maxLength = options.maxMessageLength ?? DEFAULT_MAX_MESSAGE_BYTES
    this.#inbox = new Inbox(transport, maxLength, (fd) => native().close(fd))
  }

  /**
   * Makes a connection of a descriptor that this process inherited or was handed: a connected unix stream socket. It is
   * the connection's from now on. Linux only.
   *
   * @param fd of the socket, such as 3 for the fourth entry of `stdio` in child_process.spawn()
   * @throws UsageError ERR_INVALID_ARGUMENT, ERR_INVALID_OPTION; ResourceError ERR_RESOURCE where there is no addon
   * @example
   * const parent = Connection.open(3)
   */
  static open<T = unknown>(fd: number, options?: ConnectionOptions<T>): Connection<T> {
    const checked = checkConnection('Connection.open()', options)
    if (!Number.isInteger(fd) || fd < 0) {
      throw new UsageError('ERR_INVALID_ARGUMENT', `Connection.open() takes a descriptor, not ${String(fd)}.`)
    }
    return new Connection({ transport: new NativeTransport(native(), fd), options: checked })
  }

  /** The descriptor, to be handed to a process that is started: `stdio: ['inherit', 'inherit', 'inherit', end.fd]`. */
  get fd(): number | undefined {
    return this.#transport.fd
  }

  /** Whether it was closed here, or given away. */
  get closed(): boolean {
    return this.#closing !== undefined || this.#isDetached
  }

  /**
   * Sends a value, as the connection's codec writes it.
   *
   * @param value structured-cloned by default
   * @returns when the kernel has taken it: wait for it, and the other side's pace is yours
   * @throws UsageError ERR_CANNOT_CLONE, or what the codec throws; and as sendBytes()
   */
  send(value: T, options?: Pick<SendOptions, 'signal'>): Promise<void> {
    try {
      const bytes = this.#codec.encode(value)
      return this.#sender().message(bytes, 0, bytes.length, options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Sends bytes as one message. They are not copied: do not change them before it resolves.
   *
   * @param bytes any, none included
   * @param options `offset` and `size` choose a part
   * @returns when the kernel has taken all of it
   * @throws UsageError ERR_INVALID_ARGUMENT; ERR_INVALID_STATE where it is closed, ended or read-only
   * @throws ProtocolError ERR_CONNECTION_CLOSED where the other side is gone; ResourceError ERR_RESOURCE; AbortError
   */
  sendBytes(bytes: Uint8Array, options?: SendOptions): Promise<void> {
    try {
      const [start, end] = checkPart(bytes, options)
      return this.#sender().message(bytes, start, end, options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #checkOpen(): void {
    if (this.#isDetached) throw invalidState('The descriptor of this connection was given away by detach().')
    if (this.#closing) throw invalidState('This connection was closed here.')
  }

  #sender(): Sender {
    this.#checkOpen()
    if (!this.writable) throw invalidState('This end of the pipe only receives.')
    return this.#outgoing
  }

  #checkReadable(): void {
    this.#checkOpen()
    if (!this.readable) throw invalidState('This end of the pipe only sends.')
  }

  /**
   * Receives a value that the other side sent with send() and the same codec. Several calls may wait: they are served in order.
   *
   * @returns the next value
   * @throws ProtocolError ERR_CONNECTION_CLOSED at the end, ERR_CONNECTION_ENDED in the middle of a message,
   * ERR_MESSAGE_TOO_LARGE or ERR_PROTOCOL for a frame that is not taken: nothing can be received after that
   * @throws UsageError ERR_INVALID_STATE where it is closed or write-only; AbortError; what the codec throws
   */
  recv<V extends T = T>(options?: ReceiveOptions): Promise<V> {
    return this.#receive(options, (bytes) => this.#codec.decode(bytes) as V)
  }

  /**
   * Receives one message as bytes.
   *
   * @returns the bytes, in memory of their own
   * @throws UsageError ERR_INVALID_ARGUMENT; and as recv()
   */
  recvBytes(options?: ReceiveBytesOptions): Promise<Buffer> {
    return this.#receive(options)
  }

  #receive<V>(options: ReceiveBytesOptions | undefined, decode?: (bytes: Buffer) => V): Promise<V> {
    try {
      this.#checkReadable()
      return this.#inbox.message(checkMaxLength(options?.maxLength), options?.signal, decode)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Whether recv() would settle at once: a message is there, or the end, or an error.
   *
   * @param timeout how long to wait for one, in milliseconds: 0 looks and returns, Infinity waits
   * @throws UsageError ERR_INVALID_STATE, ERR_INVALID_ARGUMENT; AbortError
   */
  async poll(timeout = 0, options?: ReceiveOptions): Promise<boolean> {
    return (await wait([this], { timeout, ...options })).length > 0
  }

  /** @internal */
  [WAITABLE](): Inbox {
    this.#checkReadable()
    return this.#inbox
  }

  /**
   * The values, up to the end of the connection. Leaving the loop leaves the connection open.
   *
   * @throws as recv(), but the end between two messages is the end of the loop
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      let value: T
      try {
        value = await this.recv()
      } catch (error) {
        if (this.#inbox.isAtEnd && (error as { code?: unknown }).code === 'ERR_CONNECTION_CLOSED') return
        throw error
      }
      yield value
    }
  }

  /**
   * Passes a descriptor to the other side, which receives one of its own for the same open file: recvHandle() here,
   * multiprocessing.reduction.recv_handle() in Python. Over unix sockets on Linux.
   *
   * @param fd it stays the caller's; keep it open until this resolves
   * @throws UsageError ERR_UNSUPPORTED over TCP; and as sendBytes()
   */
  sendHandle(fd: number, options?: Pick<SendOptions, 'signal'>): Promise<void> {
    try {
      this.#checkHandles()
      if (!Number.isInteger(fd) || fd < 0) {
        throw new UsageError('ERR_INVALID_ARGUMENT', `sendHandle() passes an open descriptor, not ${String(fd)}.`)
      }
      return this.#sender().handle(fd, options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Receives a descriptor that the other side passed at this place between its messages.
   *
   * @returns the descriptor: close it when it is no longer needed
   * @throws ProtocolError ERR_PROTOCOL where a message comes next: it is not lost; ResourceError ERR_RESOURCE EMFILE where the
   * descriptor was; UsageError ERR_UNSUPPORTED over TCP; and as recv()
   */
  recvHandle(options?: ReceiveOptions): Promise<number> {
    try {
      this.#checkHandles()
      this.#checkReadable()
      return this.#inbox.handle(options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #checkHandles(): void {
    if (this.#transport.passesDescriptors) return
    throw new UsageError('ERR_UNSUPPORTED', 'Only unix sockets and pipes on Linux pass descriptors (with the addon).')
  }

  /**
   * Says that nothing more will be sent, after all that was: the other side's for await ends. Receiving goes on.
   *
   * @throws UsageError ERR_INVALID_STATE where it is closed
   */
  end(): void {
    this.#checkOpen()
    this.#outgoing.end()
  }

  /**
   * Gives the descriptor to the caller, set to blocking, as another program expects it; this connection is then closed without
   * closing the descriptor. What was received and not taken is lost.
   *
   * @returns the descriptor
   * @throws UsageError ERR_INVALID_STATE where it is closed; ERR_UNSUPPORTED where it has none of its own (TCP)
   */
  detach(): number {
    this.#checkOpen()
    if (this.#transport.fd === undefined) {
      throw new UsageError('ERR_UNSUPPORTED', 'A TCP connection has no descriptor of its own to give away.')
    }
    this.#isDetached = true
    this.#inbox.close(invalidState('The descriptor of this connection was given away by detach().'))
    return this.#transport.detach()
  }

  /**
   * Closes at once, in both directions, and never waits for the other side. What the kernel has taken still arrives. What it has not is
   * dropped, and those send() reject; so do the recv() that wait. Calling it again is harmless.
   *
   * @returns when the descriptor is closed
   */
  close(): Promise<void> {
    if (this.#isDetached) return Promise.resolve()
    if (!this.#closing) {
      const error = invalidState('This connection was closed here.')
      this.#closing = this.#transport.close(error)
      this.#inbox.close(error)
    }
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function invalidState(text: string): UsageError {
  return new UsageError('ERR_INVALID_STATE', text)
}
