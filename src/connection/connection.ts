// Runs in: owner and child. Connection, as users hold it: the counterpart of multiprocessing.connection.Connection.
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
import { checkSocket } from './descriptor-check.js'
import { Inbox } from './inbox.js'
import { NativeTransport } from './native-transport.js'
import { Sender } from './sender.js'
import type { Transport } from './transport.js'
import { WAITABLE, wait } from './wait.js'

/** The parts of a connection. @internal */
export interface Parts {
  readonly transport: Transport
  readonly options?: ConnectionOptions | undefined
  readonly address?: Address | undefined
  readonly readable?: boolean
  readonly writable?: boolean
}

/**
 * Sends and receives messages, whole and in order. You get one from connect(), Listener.accept(), pipe() or open(). It
 * keeps the process alive only while something waits on it: a recv(), a poll(), or a message to be sent.
 *
 * @typeParam T the type of the values. Nothing checks that the other side sends such values, unless the codec does.
 * @example
 * const connection = await connect({ path: 'jobs.sock' }, { authKey })
 * await connection.send({ id: 1 })
 * const reply = await connection.recv({ signal: AbortSignal.timeout(1_000) })
 */
export class Connection<T = unknown> implements AsyncDisposable, AsyncIterable<T> {
  readonly #transport: Transport
  readonly #inbox: Inbox
  readonly #outgoing: Sender
  readonly #codec: Codec<T>
  /** Whether the codec returns fresh bytes, which nobody else can change. */
  readonly #encodesAnew: boolean
  #closing: Promise<void> | undefined
  #isDetached = false
  /** Whether this end can receive. False for the writing end of pipe({ duplex: false }). */
  readonly readable: boolean
  /** Whether this end can send. False for the reading end of pipe({ duplex: false }). */
  readonly writable: boolean
  /** The address that connect() was given, or that of the TCP client that was accepted. Otherwise undefined. */
  readonly address: Address | undefined

  /** @internal */
  constructor({ transport, options = {}, address, readable = true, writable = true }: Parts) {
    this.#transport = transport
    this.#outgoing = new Sender(transport)
    // For a named codec, T is whatever type the user states.
    const { codec = 'clone' } = options
    this.#codec = codecOf(codec) as Codec<T>
    this.#encodesAnew = typeof codec === 'string' && codec !== 'bytes'
    this.readable = readable
    this.writable = writable
    this.address = address
    const maxLength = options.maxMessageLength ?? DEFAULT_MAX_MESSAGE_BYTES
    this.#inbox = new Inbox(transport, maxLength, (fd) => native().close(fd))
  }

  /**
   * Makes a connection from a descriptor that this process inherited or received: a connected unix stream socket. The
   * connection owns it from then on. Linux only.
   *
   * @param fd the descriptor, such as 3 for the fourth entry of `stdio` in child_process.spawn()
   * @param options the codec, and the largest message in bytes
   * @returns the connection
   * @throws UsageError ERR_INVALID_ARGUMENT, ERR_INVALID_OPTION; ResourceError ERR_RESOURCE if there is no addon
   * @example
   * const parent = Connection.open(3)
   */
  static open<T = unknown>(fd: number, options?: ConnectionOptions<T>): Connection<T> {
    const checked = checkConnection('Connection.open()', options)
    checkSocket(fd)
    return new Connection({ transport: new NativeTransport(native(), fd), options: checked })
  }

  /** The file descriptor. Pass it to a process that you start: `stdio: ['inherit', 'inherit', 'inherit', end.fd]`. */
  get fd(): number | undefined {
    return this.#transport.fd
  }

  /** Whether it was closed on this side, or its descriptor was given away by detach(). */
  get closed(): boolean {
    return this.#closing !== undefined || this.#isDetached
  }

  /**
   * Sends a value, converted by the codec of the connection.
   *
   * @param value copied by structured clone, unless the connection has another codec
   * @param options `signal` ends the wait. The message is sent all the same, unless the signal was aborted before
   * @returns when the kernel has taken the message. If you await it, you send no faster than the other side receives
   * @throws UsageError ERR_CANNOT_CLONE, or the error of your own codec; and the errors of sendBytes()
   */
  send(value: T, options?: Pick<SendOptions, 'signal'>): Promise<void> {
    try {
      const bytes = this.#codec.encode(value)
      const sender = this.#sender()
      if (this.#encodesAnew) return sender.message(bytes, 0, bytes.length, options?.signal)
      return sender.callersMessage(bytes, 0, bytes.length, options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Sends bytes as one message. Do not change them before the promise settles: they are not copied, unless you pass a
   * `signal`.
   *
   * @param bytes any bytes; the message may be empty
   * @param options `offset` and `size`, in bytes, choose a part; `signal` ends the wait, as in send()
   * @returns when the kernel has taken all of it
   * @throws UsageError ERR_INVALID_ARGUMENT; ERR_INVALID_STATE if this side is closed, ended or cannot send
   * @throws ProtocolError ERR_CONNECTION_CLOSED if the other side is gone; ResourceError ERR_RESOURCE; AbortError
   */
  sendBytes(bytes: Uint8Array, options?: SendOptions): Promise<void> {
    try {
      const [start, end] = checkPart(bytes, options)
      return this.#sender().callersMessage(bytes, start, end, options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #checkOpen(): void {
    if (this.#isDetached) throw invalidState('detach() has given away the descriptor of this connection.')
    if (this.#closing) throw invalidState('This connection is closed: close() was called on this side.')
  }

  #sender(): Sender {
    this.#checkOpen()
    if (!this.writable) throw invalidState('This end of the pipe can only receive. Send on the other one.')
    return this.#outgoing
  }

  #checkReadable(): void {
    this.#checkOpen()
    if (!this.readable) throw invalidState('This end of the pipe can only send. Receive on the other one.')
  }

  /**
   * Receives a value that the other side sent with send() and the same codec. If several calls wait, the earliest gets
   * the first value.
   *
   * @param options `signal` cancels the call. No message is lost
   * @returns the next value
   * @throws ProtocolError ERR_CONNECTION_CLOSED at the end; ERR_CONNECTION_ENDED in the middle of a message;
   *   ERR_MESSAGE_TOO_LARGE or ERR_PROTOCOL for a frame that is not accepted: you cannot receive anything after that
   * @throws UsageError ERR_INVALID_STATE if this side is closed or cannot receive; AbortError; the error of your own
   *   codec
   */
  recv<V extends T = T>(options?: ReceiveOptions): Promise<V> {
    return this.#receive(options, (bytes) => this.#codec.decode(bytes) as V)
  }

  /**
   * Receives one message as bytes.
   *
   * @param options `maxLength` is the largest message that is accepted, in bytes; `signal` cancels the call
   * @returns the bytes, in memory of their own
   * @throws UsageError ERR_INVALID_ARGUMENT; and the errors of recv()
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
   * Whether recv() would settle at once, with a message, the end or an error.
   *
   * @param timeout how many milliseconds to wait for that: 0 does not wait, Infinity has no limit
   * @param options `signal` cancels the call
   * @returns true if it would; false if the time is over
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
   * The received values, until the other side ends. Leaving the loop does not close the connection.
   *
   * @returns an iterator over the values
   * @throws as recv(), but if the other side closes between two messages, the loop ends without an error
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
   * Passes a file descriptor to the other side, over unix sockets on Linux. The other side gets its own descriptor of
   * the same open file, by recvHandle() or by multiprocessing.reduction.recv_handle() in Python.
   *
   * @param fd stays yours; keep it open until the promise settles
   * @param options `signal` ends the wait. The open file is passed all the same, even if you close `fd` then
   * @throws UsageError ERR_UNSUPPORTED over TCP; and the errors of sendBytes()
   */
  sendHandle(fd: number, options?: Pick<SendOptions, 'signal'>): Promise<void> {
    try {
      this.#checkHandles()
      if (!Number.isInteger(fd) || fd < 0) {
        throw new UsageError('ERR_INVALID_ARGUMENT', `sendHandle() takes an open file descriptor, not ${String(fd)}.`)
      }
      return this.#sender().handle(fd, options?.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Receives a file descriptor that the other side passed at this place between its messages.
   *
   * @param options `signal` cancels the call. No descriptor is lost
   * @returns the descriptor; close it when you no longer need it
   * @throws ProtocolError ERR_PROTOCOL if a message comes next (it is not lost); UsageError ERR_UNSUPPORTED over TCP
   * @throws ResourceError ERR_RESOURCE EMFILE if this process had no room for it; and the errors of recv()
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
   * Ends the sending direction. The for await loop of the other side then ends. You can still receive.
   * @throws UsageError ERR_INVALID_STATE if this side is closed
   */
  end(): void {
    this.#checkOpen()
    this.#outgoing.end()
  }

  /**
   * Gives the file descriptor to the caller, in blocking mode, as other programs expect it, and closes the connection.
   * Messages that have arrived here and were not received yet are lost.
   *
   * @returns the descriptor
   * @throws UsageError ERR_INVALID_STATE if this side is closed, or if messages have not left (the connection stays as
   *   it is then); ERR_UNSUPPORTED for TCP
   */
  detach(): number {
    this.#checkOpen()
    if (this.#transport.fd === undefined) {
      throw new UsageError('ERR_UNSUPPORTED', 'A TCP connection has no descriptor of its own to give away.')
    }
    const fd = this.#transport.detach()
    this.#isDetached = true
    this.#inbox.close(invalidState('detach() has given away the descriptor of this connection.'))
    return fd
  }

  /**
   * Closes both directions at once, without waiting. What the kernel has taken still arrives. Messages that it has not
   * taken are dropped: their send() rejects, and so does every waiting recv(). You may call it again.
   *
   * @returns when the descriptor is closed
   */
  close(): Promise<void> {
    if (this.#isDetached) return Promise.resolve()
    if (!this.#closing) {
      const error = invalidState('This connection is closed: close() was called on this side.')
      this.#closing = this.#transport.close(error)
      this.#inbox.close(error)
    }
    return this.#closing
  }

  /** Closes it, as close() does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function invalidState(text: string): UsageError {
  return new UsageError('ERR_INVALID_STATE', text)
}
