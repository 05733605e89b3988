// Runs in: owner. The I/O of a control connection. Its socket is a stream of Node's; beside it, messages with
// descriptors are sent at once, and an answer can be waited for while the event loop stands still.
import { Socket } from 'node:net'
import { ProtocolError } from '../../errors.js'
import { check, isErrno, type Native, resourceError } from '../../platform/native.js'
import { readToTheEnd } from '../../platform/read-to-end.js'
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
  /** Who made the other end. */
  readonly peerPid: number

  /** @param fd is closed with the stream */
  constructor(native: Native, fd: number, listener: ControlSocketListener) {
    this.#native = native
    this.#fd = fd
    this.#listener = listener
    this.peerPid = native.peerPid(fd)
    this.#stream = readToTheEnd(new Socket({ fd, readable: true, writable: true }))
    this.#stream.on('data', (chunk: Buffer) => listener.onData(chunk))
    this.#stream.on('error', () => {}) // 'close' follows and ends the connection
    this.#stream.on('close', () => listener.onClose())
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
    this.#stream.write(encodeFrames(payloads))
  }

  /** Whether nothing waits to be sent. */
  get isDrained(): boolean {
    return this.#stream.writableLength === 0
  }

  /** Resolves when nothing waits to be sent any more, or when the socket is closed. */
  drained(): Promise<void> {
    return new Promise<void>((resolve) => {
      const settle = (): void => {
        this.#stream.off('drain', settle).off('close', settle)
        resolve()
      }
      this.#stream.on('drain', settle).on('close', settle)
    })
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
