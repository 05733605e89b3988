// Runs in: owner and child. The worker channel: messages between a Pool and one of its workers, over a socket. Where both have the addon,
// ring-channel.ts takes its place.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { Socket } from 'node:net'
import { readToTheEnd } from '../platform/read-to-end.js'
import { encodeFrameHeader, FrameDecoder, MAX_OWN_PAYLOAD, ONE_WRITE_LIMIT } from '../wire/frames.js'

/** Takes the messages of the other side. */
export interface ChannelListener {
  onMessage(payload: Buffer): void
  /** The other side broke the protocol, or onMessage() threw. */
  onFailure(error: Error): void
  /** The other side has closed its end. Where processes share memory, nobody can tell: who has no owner any more is killed. */
  onGone(): void
}

/** One end of a worker channel. */
export interface Channel {
  /**
   * Sends one message, in two parts where that saves a copy. One that may wait does, until the promises that are settled now have been heard;
   * then all of them are told with one wake-up.
   */
  send(head: Uint8Array, body?: Uint8Array, options?: { mayWait?: boolean }): void
  /**
   * Hands over what has come, without a turn of the event loop.
   * @returns whether nothing had: what comes later is then handed over by itself
   */
  idle(): boolean
  /** Whether it keeps the event loop running; so it does at first. */
  holdLoop(on: boolean): void
  /** Calls back when all is sent. */
  end(sent: () => void): void
  /** The other process has ended: hands over what it has sent, and closes. */
  finish(): Promise<void>
}

/** Over a stream socket. */
export class SocketChannel implements Channel {
  readonly #socket: Socket
  readonly #closed: Promise<unknown>

  /** @param channel a socket, or the descriptor of one */
  constructor(channel: Socket | number, listener: ChannelListener) {
    this.#socket = typeof channel === 'number' ? new Socket({ fd: channel, readable: true, writable: true }) : channel
    readToTheEnd(this.#socket)
    const decoder = new FrameDecoder({ maxLength: MAX_OWN_PAYLOAD })
    this.#socket.on('data', (bytes: Buffer) => {
      try {
        for (const payload of decoder.push(bytes)) listener.onMessage(payload)
      } catch (error) {
        listener.onFailure(error as Error)
      }
    })
    this.#socket.on('error', () => {}) // the end of the other process follows, and tells
    this.#socket.on('end', () => {
      listener.onGone()
      this.#socket.destroy() // what is unsent, nobody reads
    })
    this.#closed = new Promise((resolve) => this.#socket.once('close', resolve))
  }

  send(head: Uint8Array, body: Uint8Array = Buffer.alloc(0)): void {
    const length = head.length + body.length
    if (length <= ONE_WRITE_LIMIT) {
      this.#socket.write(Buffer.concat([encodeFrameHeader(length), head, body]))
      return
    }
    this.#socket.cork()
    for (const part of [encodeFrameHeader(length), head, body]) this.#socket.write(part)
    this.#socket.uncork()
  }

  idle(): boolean {
    return true
  }

  holdLoop(on: boolean): void {
    if (on) this.#socket.ref()
    else this.#socket.unref()
  }

  end(sent: () => void): void {
    this.#socket.end(sent)
  }

  async finish(): Promise<void> {
    await this.#closed
  }
}
