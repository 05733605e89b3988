// Runs in: owner. Reads what a child says on its job channel.
import type { Socket } from 'node:net'
import { FrameDecoder, MAX_OWN_PAYLOAD } from '../../wire/frames.js'
import { decodeChildMessage } from '../../wire/job.js'
import type { JobChannel, JobChannelListener } from './launcher.js'

/**
 * The owner's end of a job channel. A child may send messages, and even end, before its launch is known to have
 * succeeded. They are kept until there is a listener.
 */
export class JobChannelReader implements JobChannel {
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder({ maxLength: MAX_OWN_PAYLOAD })
  readonly #kept: ((listener: JobChannelListener) => void)[] = []
  #listener: JobChannelListener | undefined
  #hasBegun = false
  readonly ended: Promise<void>

  /** @param socket is destroyed at its end. Whoever made it passes read() what comes */
  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {}) // ECONNRESET: the child ended before it read its job, and its exit is reported
    socket.on('end', () => socket.destroy())
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        this.#tell((listener) => listener.onEnd())
        resolve()
      })
    })
  }

  read(chunk: Buffer): void {
    try {
      for (const payload of this.#decoder.push(chunk)) {
        const message = decodeChildMessage(payload)
        if (message.kind === 'begun') this.#hasBegun = true
        this.#tell((listener) => listener.onMessage(message))
      }
    } catch (error) {
      this.#socket.destroy()
      this.#tell((listener) => listener.onBroken(error as Error))
    }
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  listen(listener: JobChannelListener): void {
    this.#listener = listener
    for (const tell of this.#kept.splice(0)) tell(listener)
  }

  #tell(tell: (listener: JobChannelListener) => void): void {
    if (this.#listener) tell(this.#listener)
    else this.#kept.push(tell)
  }
}
