// Runs in: owner and child. A worker channel over a stream socket, for processes without the addon.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { Socket } from 'node:net'
import { readToTheEnd } from '../platform/read-to-end.js'
import { encodeFrameHeader, FrameDecoder, MAX_OWN_PAYLOAD, ONE_WRITE_LIMIT } from '../wire/frames.js'
import type { Channel, ChannelListener } from './worker-channel.js'

const NOTHING = Buffer.alloc(0)

/** One end of a worker channel over a socket. */
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
    this.#socket.on('error', () => {}) // the end of the other process follows, and says why
    this.#socket.on('end', () => {
      listener.onGone()
      this.#socket.destroy() // nobody reads the rest
    })
    this.#closed = new Promise((resolve) => this.#socket.once('close', resolve))
  }

  send(head: Uint8Array, body: Uint8Array = NOTHING): void {
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

  flushed(): Promise<void> | undefined {
    if (this.#socket.writableLength === 0) return undefined
    return new Promise((resolve) => this.#socket.write(NOTHING, () => resolve())) // also if the socket fails
  }

  end(sent: () => void): void {
    this.#socket.end(sent)
  }

  async finish(): Promise<void> {
    await this.#closed
  }
}
