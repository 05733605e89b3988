// Runs in: owner and child. What a connection has received, and who waits for it, in order. It reads ahead a little and
// then stops, so that the kernel slows down a sender that is too fast.

import { ProtocolError, ResourceError, type UsageError } from '../errors.js'
import { abortError } from '../promises/abort.js'
import { FrameReader } from './frame-reader.js'
import type { DescriptorSet, Destination, Sink, Transport } from './transport.js'

/** How many bytes are read before anybody asks for them. */
const READ_AHEAD_BYTES = 64 * 1024
/** How many sets of descriptors are kept before anybody asks for them. */
const MAX_KEPT_SETS = 16
const CLOSED = 'ERR_CONNECTION_CLOSED'

/**
 * An attempt returns this if what it wants has not arrived. It cannot be undefined, because undefined may be a value.
 */
const NOT_YET = Symbol('not yet')
type Maybe<T> = T | typeof NOT_YET
/** Why nothing more arrives. */
type Reason = ProtocolError | UsageError

/** A waiting call. `attempt` may throw. */
interface Waiter {
  readonly attempt: () => unknown
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** The receiving half of a connection. */
export class Inbox implements Sink {
  readonly #transport: Transport
  readonly #close: (fd: number) => void
  readonly #reader = new FrameReader()
  readonly #maxLength: number
  /** In the order of arrival, each with the position of its byte in the stream. */
  #sets: { at: number; set: DescriptorSet }[] = []
  #waiters: Waiter[] = []
  /** Calls that wait for something to arrive, without taking it. */
  #onlookers: (() => void)[] = []
  /** Why nothing more will arrive. */
  #end: Reason | undefined
  #isCleanEnd = false

  constructor(transport: Transport, maxLength: number, closeDescriptor: (fd: number) => void) {
    this.#transport = transport
    this.#maxLength = maxLength
    this.#close = closeDescriptor
    transport.attach(this)
  }

  /** Whether the other side closed between two messages, and all messages were taken. */
  get isAtEnd(): boolean {
    return this.#isCleanEnd && this.#waiters.length === 0 && this.#reader.pendingBytes === 0
  }

  destination(): Destination | undefined {
    return this.#reader.destination()
  }

  filled(count: number): void {
    this.#reader.filled(count)
    this.#closeStrays()
    this.#serve()
    this.#restrain()
  }

  data(chunk: Buffer, count: number): void {
    this.#reader.lend(chunk, count)
    this.#serve()
    this.#reader.keep()
    this.#restrain()
  }

  /** Stops reading when enough is read ahead. */
  #restrain(): void {
    if (this.#isIdle && this.#isFull) this.#transport.setReading(false)
  }

  descriptors(set: DescriptorSet, count: number): void {
    if (this.#sets.length < MAX_KEPT_SETS) {
      this.#sets.push({ at: this.#reader.received + count - 1, set })
      return
    }
    this.#closeSet(set)
    const text = 'The other side passed more descriptors than anybody asked for. Close the connection.'
    this.stop(new ProtocolError('ERR_PROTOCOL', text))
  }

  #closeSet(set: DescriptorSet): void {
    for (const fd of set ?? []) this.#close(fd)
  }

  /**
   * Closes all descriptors, while somebody waits for the rest of a message. They came within that message, and so
   * belong to nobody: the kernel ends what it returns at a byte with descriptors, and nothing can be behind a message
   * that has no end yet. If they were kept, a client could fill our table of descriptors before it has proved its key.
   */
  #closeAll(): void {
    for (const { set } of this.#sets.splice(0)) this.#closeSet(set)
  }

  end(cause?: NodeJS.ErrnoException): void {
    const pending = this.#reader.pendingBytes
    this.#isCleanEnd = pending === 0 && cause === undefined
    const why = cause ? ` (${cause.code})` : ''
    // Complete messages may still be here. This error comes after them.
    this.stop(new ProtocolError(CLOSED, `The other side has closed the connection${why}.`, { cause }))
  }

  /** Nothing more will arrive. A waiting call that cannot be served from what is here rejects with the reason. */
  stop(error: Reason): void {
    this.#end ??= error
    this.#transport.setReading(false)
    this.#serve()
  }

  /** Drops everything, including descriptors, because the connection was closed on this side. */
  close(error: Reason): void {
    this.#end = error
    this.#isCleanEnd = false
    this.#closeAll()
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    this.#rouse()
  }

  get #isIdle(): boolean {
    return this.#waiters.length === 0 && this.#onlookers.length === 0
  }

  get #isFull(): boolean {
    return this.#reader.pendingBytes >= READ_AHEAD_BYTES || this.#sets.length >= MAX_KEPT_SETS
  }

  /** Takes the next message. It settles at once if the message is here. */
  message<V = Buffer>(maxLength = this.#maxLength, signal?: AbortSignal, decode?: (bytes: Buffer) => V): Promise<V> {
    return this.#take(() => {
      const message = this.#nextMessage(maxLength)
      if (message === undefined) return NOT_YET
      return decode ? decode(message) : (message as V)
    }, signal)
  }

  /** Takes the next descriptor. It settles at once if the descriptor is here. */
  handle(signal?: AbortSignal): Promise<number> {
    return this.#take(() => this.#nextHandle() ?? NOT_YET, signal)
  }

  /** Whether a message, a descriptor, an error or the end is here, so that a call for it need not wait. */
  get isReady(): boolean {
    return this.#end !== undefined || this.#isHandleNext || this.#reader.isReady(this.#maxLength)
  }

  /** Whether a descriptor comes next. A large message that nobody has taken yet comes before it. */
  get #isHandleNext(): boolean {
    return !this.#reader.isInMessage && this.#sets[0]?.at === this.#reader.position
  }

  /** Calls back once, when isReady may have become true. Returns a function that cancels that. */
  onReady(callback: () => void): () => void {
    this.#onlookers.push(callback)
    if (!this.isReady) this.#closeAll()
    this.#wait()
    return () => {
      this.#onlookers = this.#onlookers.filter((other) => other !== callback)
      this.#rest()
    }
  }

  #wait(): void {
    if (this.#end) return
    this.#transport.setReading(true)
    this.#transport.setWaiting(true)
  }

  #rest(): void {
    if (this.#isIdle) this.#transport.setWaiting(false)
  }

  #take<T>(attempt: () => Maybe<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal?.aborted) return Promise.reject(abortError(signal))
    if (this.#waiters.length === 0) {
      try {
        const taken = attempt()
        if (taken !== NOT_YET) return Promise.resolve(taken as T)
        this.#checkEnd()
        this.#closeAll()
      } catch (error) {
        return Promise.reject(error)
      }
    }
    return new Promise<T>((resolve, reject) => {
      if (!signal) this.#waiters.push({ attempt, resolve, reject })
      else this.#waitAbortably({ attempt, resolve, reject }, signal)
      this.#wait()
    })
  }

  #waitAbortably(waiter: Waiter, signal: AbortSignal): void {
    const abort = (): void => {
      this.#waiters = this.#waiters.filter((other) => other !== own)
      this.#rest()
      waiter.reject(abortError(signal))
    }
    const forget = (): void => signal.removeEventListener('abort', abort)
    const own: Waiter = {
      attempt: waiter.attempt,
      resolve: (value) => {
        forget()
        waiter.resolve(value)
      },
      reject: (error) => {
        forget()
        waiter.reject(error)
      },
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#waiters.push(own)
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const waiter = this.#waiters[0]!
      try {
        const taken = waiter.attempt()
        if (taken === NOT_YET) {
          this.#checkEnd()
          this.#closeAll()
          break
        }
        this.#waiters.shift()
        waiter.resolve(taken as never)
      } catch (error) {
        this.#waiters.shift()
        waiter.reject(error)
      }
    }
    if (this.#onlookers.length > 0) {
      if (this.isReady) this.#rouse()
      else this.#closeAll()
    }
    this.#rest()
  }

  #rouse(): void {
    for (const callback of this.#onlookers.splice(0)) callback()
  }

  /** @throws the reason why what the caller waits for will not come */
  #checkEnd(): void {
    if (!this.#end) return
    if (this.#reader.pendingBytes === 0 || this.#end.code !== CLOSED) throw this.#end
    const text =
      'The other side closed the connection in the middle of a message, ' +
      `after ${this.#reader.pendingBytes} bytes of it.`
    throw new ProtocolError('ERR_CONNECTION_ENDED', text, { cause: this.#end })
  }

  #nextMessage(maxLength: number): Buffer | undefined {
    if (this.#isHandleNext) {
      throw new ProtocolError('ERR_PROTOCOL', 'A descriptor comes next, not a message: call recvHandle().')
    }
    const message = this.#reader.next(maxLength)
    if (message !== undefined) this.#closeStrays()
    return message
  }

  /** Closes descriptors that came within a message, because nobody asked for them. */
  #closeStrays(): void {
    while (this.#sets.length > 0 && this.#sets[0]!.at < this.#reader.position) this.#closeSet(this.#sets.shift()!.set)
  }

  #nextHandle(): number | undefined {
    if (this.#reader.pendingBytes === 0) return undefined
    if (!this.#isHandleNext) {
      throw new ProtocolError('ERR_PROTOCOL', 'A message comes next, not a descriptor: call recv().')
    }
    const { set } = this.#sets.shift()!
    const announced = this.#reader.takeByte()
    if (set === null) {
      const text =
        'The kernel dropped the descriptor: ' + 'this process has too many open files. Close some, or raise ulimit -n.'
      throw new ResourceError('ERR_RESOURCE', text, { errno: 'EMFILE', syscall: 'recvmsg' })
    }
    const [fd] = set
    // Python sends one descriptor with one byte, whose value is the number of descriptors.
    if (fd !== undefined && set.length === 1 && announced === 1) return fd
    this.#closeSet(set)
    throw new ProtocolError(
      'ERR_PROTOCOL',
      `The other side passed ${set.length} descriptors at once; only one at a time is allowed.`,
    )
  }
}
