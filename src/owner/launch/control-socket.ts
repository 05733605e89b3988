// Runs in: owner. The I/O of a control connection. Its socket is a stream of Node's; beside it, messages with
// descriptors are sent at once, and an answer can be waited for while the event loop stands still.
import type { Socket } from 'node:net'
import { ProtocolError } from '../../errors.js'
import { messageSocket } from '../../platform/message-socket.js'
import { check, isErrno, type Native, resourceError } from '../../platform/native.js'
import { performance } from '../../platform/timers.js'
import { encodeFrame, encodeFrames } from '../../wire/frames.js'
import { readNow } from './read-now.js'

/** The connection of a socket. */
export interface ControlSocketListener {
  onData(chunk: Buffer): void
  onClose(): void
}

/** The owner's end of a control socket. */
export class ControlSocket {
  readonly #native: Native
  readonly #fd: number
  readonly #stream: Socket
  readonly #listener: ControlSocketListener
  /** Those who wait until nothing waits to be sent. */
  readonly #waiting: (() => void)[] = []
  /** Who made the other end. */
  readonly peerPid: number

  /** @param fd is closed with the stream */
  constructor(native: Native, fd: number, listener: ControlSocketListener) {
    this.#native = native
    this.#fd = fd
    this.#listener = listener
    this.peerPid = native.peerPid(fd)
    native.keepOpen(fd) // the stream closes it, also if this thread is terminated
    this.#stream = messageSocket(fd, (chunk) => listener.onData(chunk))
    this.#stream.on('error', () => {}) // 'close' follows and ends the connection
    this.#stream.on('close', () => {
      listener.onClose()
      this.#wake()
    })
  }

  /**
   * The user who made the other end.
   * @throws ResourceError ERR_RESOURCE
   */
  peerUid(): number {
    return check('getsockopt', this.#native.peerUid(this.#fd))
  }

  /**
   * Sends a message at once. The descriptors stay the caller's.
   *
   * @returns false if the other end is closed. What came before can still be read
   * @throws ResourceError ERR_RESOURCE; ProtocolError ERR_PROTOCOL
   */
  send(payload: Buffer, descriptors: Int32Array): boolean {
    const frame = encodeFrame(payload)
    const sent = this.#native.send(this.#fd, frame, descriptors)
    if (sent === frame.length) return true
    if (isErrno(sent, 'EPIPE') || isErrno(sent, 'ECONNRESET')) return false
    // A request is so small that a socket takes or refuses it as a whole. EAGAIN means that the template reads nothing.
    throw sent < 0
      ? resourceError('sendmsg', -sent)
      : new ProtocolError('ERR_PROTOCOL', 'The control socket took a part of a message.')
  }

  /** Sends messages, in one write: each write wakes the template. What a full socket does not take waits here. */
  write(...payloads: readonly Buffer[]): void {
    // 'drain' would come only if so much waits that write() has returned false. After an error 'close' comes.
    this.#stream.write(encodeFrames(payloads), (error) => {
      if (!error && this.isDrained) this.#wake()
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Whether it is open, and nothing waits to be sent. */
  get isDrained(): boolean {
    return this.#stream.writableLength === 0 && !this.#stream.destroyed
  }

  /** Resolves when nothing waits to be sent any more, or when the socket is closed. Only while something waits. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /**
   * Takes what comes, without the event loop.
   *
   * @param isDone is asked before each wait
   * @param limitMs the time for all waits, in milliseconds
   * @returns false at the end of the socket, which the stream sees, too
   */
  readUntil(isDone: () => boolean, limitMs: number): boolean {
    const until = performance.now() + limitMs
    for (let leftMs = limitMs; !isDone() && leftMs > 0; leftMs = Math.ceil(until - performance.now())) {
      const bytes = readNow(this.#native, this.#fd, leftMs)
      if (bytes === null) return false
      if (bytes.length > 0) this.#listener.onData(bytes)
    }
    return true
  }

  /** Whether the event loop waits for what comes. */
  holdLoop(on: boolean): void {
    if (on) this.#stream.ref()
    else this.#stream.unref()
  }

  close(): void {
    this.#stream.destroy()
  }
}
