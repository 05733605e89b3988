// Runs in: the test runner. A client that speaks the control protocol by hand, so that it can speak it wrongly.
import { readdirSync, readlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import { check, native } from '#src/platform/native.js'
import { Handshake, roleKeys } from '#src/wire/auth/handshake.js'
import { encodeControl, PROTOCOL_VERSION } from '#src/wire/control-codec.js'
import type { ControlMessage } from '#src/wire/control-messages.js'
import { encodeFrame, FrameDecoder } from '#src/wire/frames.js'
import type { ListenAddress } from '#src/wire/startup.js'

const MAX_PAYLOAD = 1024

/** One connection to a control socket. */
export class RawClient implements Disposable {
  readonly fd: number
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder({ maxLength: MAX_PAYLOAD })
  readonly #payloads: Buffer[] = []
  #wake: () => void = () => {}
  /** Every payload that was sent, in order. */
  readonly sent: Buffer[] = []
  /** Resolves when the template has closed the connection, or the test has. */
  readonly closed: Promise<void>
  isClosed = false

  constructor(address: ListenAddress) {
    const [name, isAbstract] = 'path' in address ? [address.path, 0] : [address.abstract, 1]
    this.fd = check('connect', native().connect(Buffer.from(name), isAbstract))
    this.#socket = new Socket({ fd: this.fd, readable: true, writable: true })
    this.#socket.on('error', () => {}) // EPIPE, ECONNRESET: the template closed first
    this.#socket.on('data', (chunk: Buffer) => {
      this.#payloads.push(...this.#decoder.push(chunk))
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.isClosed = true
        this.#wake()
        resolve()
      })
    })
  }

  /** The next payload, or null once the connection is closed. */
  async next(): Promise<Buffer | null> {
    while (this.#payloads.length === 0 && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#payloads.shift() ?? null
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Sends a payload in its frame. */
  send(payload: Uint8Array): void {
    this.sent.push(Buffer.from(payload))
    this.write(encodeFrame(payload))
  }

  /** Sends a payload in its frame, with descriptors on its first byte. */
  sendWith(payload: Uint8Array, descriptors: readonly number[]): void {
    this.sent.push(Buffer.from(payload))
    this.sendPart(encodeFrame(payload), descriptors)
  }

  /** Sends bytes as they are, with descriptors on the first of them. */
  sendPart(bytes: Uint8Array, descriptors: readonly number[]): void {
    check('sendmsg', native().send(this.fd, bytes, Int32Array.from(descriptors)))
  }

  /** Does the handshake with this key; returns whether both sides are proved. */
  async prove(key: Uint8Array): Promise<boolean> {
    const handshake = new Handshake('connector', roleKeys(key, 'connector'))
    handshake.start()
    while (!handshake.isDone) {
      const payload = await this.next()
      if (!payload) return false
      const { send, failure } = handshake.receive(payload)
      for (const answer of send) this.send(answer)
      if (failure) return false
    }
    return true
  }

  /** Attaches with the read end of a pipe; returns the template's answer. */
  async attach(lifeline: number): Promise<Buffer | null> {
    this.sendWith(attachMessage(), [lifeline])
    return this.next()
  }

  end(): void {
    this.#socket.destroy()
  }

  [Symbol.dispose](): void {
    this.end()
  }
}

export function attachMessage(): Buffer {
  return encodeControl({ name: 'attach', version: PROTOCOL_VERSION })
}

export function message(fields: ControlMessage<'fork'> | ControlMessage<'signal'>): Buffer {
  return encodeControl(fields)
}

/** What a process has open, as targets without numbers that come and go. */
export function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`]
    } catch {
      return []
    }
  })
}
