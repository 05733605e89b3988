// Runs in: owner and child. A socket of node:net as a transport: TCP everywhere, and unix sockets if there is no addon.
import type { Socket } from 'node:net'
import { ProtocolError, ResourceError } from '../errors.js'
import type { Outgoing, Sent, Sink, Transport } from './transport.js'

/** Up to this size, header and body are joined. That makes one write, which does not wait for Nagle's algorithm. */
const JOIN_BYTES = 16 * 1024

type Done = (error?: Error | null) => void

function sendError(cause: NodeJS.ErrnoException): Error {
  const name = cause.code ?? 'unknown'
  if (['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'ECANCELED'].includes(name)) {
    const text = `The other side has closed the connection (${name}). You cannot send any more.`
    return new ProtocolError('ERR_CONNECTION_CLOSED', text, { cause })
  }
  return new ResourceError('ERR_RESOURCE', `write() failed with ${name}.`, { cause, errno: name, syscall: 'write' })
}

export class NetTransport implements Transport {
  readonly fd = undefined
  readonly passesDescriptors = false
  readonly #socket: Socket
  readonly #closed: Promise<void>
  #sink: Sink | undefined
  #isReading = false
  #isWaiting = false
  #unsent = 0
  #broken: NodeJS.ErrnoException | undefined
  #isEnded = false
  #closing: Error | undefined

  /** Takes ownership of a connected socket that has allowHalfOpen set and is not being read. */
  constructor(socket: Socket) {
    this.#socket = socket
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
    if (socket.setNoDelay) socket.setNoDelay(true)
    this.#keepOpenOnFailedWrites()
    socket.pause()
    socket.unref()
    socket.on('data', (chunk: Buffer) => this.#sink!.data(chunk, chunk.length))
    socket.on('end', () => this.#end())
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end())
  }

  /**
   * node:net destroys a socket after a failed write. The last messages of the other side, which were not read yet,
   * would be lost.
   */
  #keepOpenOnFailedWrites(): void {
    const socket = this.#socket
    const { _write: write, _writev: writev } = socket
    const note = (done: Done) => (error?: Error | null) => {
      if (error) this.#broken ??= error
      done()
    }
    socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, note(done))
    socket._writev = (chunks, done) => writev!.call(socket, chunks, note(done))
  }

  #end(cause?: NodeJS.ErrnoException): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#sink?.end(cause)
  }

  attach(sink: Sink): void {
    this.#sink = sink
  }

  setReading(on: boolean): void {
    if (on === this.#isReading) return
    this.#isReading = on
    if (on) this.#socket.resume()
    else this.#socket.pause()
  }

  setWaiting(on: boolean): void {
    this.#isWaiting = on
    this.#hold()
  }

  #hold(): void {
    if (this.#isWaiting || this.#unsent > 0) this.#socket.ref()
    else this.#socket.unref()
  }

  send({ header, headerLength, body, start, end }: Outgoing, sent: Sent): boolean {
    if (this.#broken) throw sendError(this.#broken)
    this.#unsent++
    this.#hold()
    const done: Done = (error) => {
      this.#unsent--
      this.#hold()
      // If destroy() interrupts a write, node:net reports the write as successful.
      const failure = error ?? this.#broken
      sent(this.#closing ?? (failure ? sendError(failure) : undefined))
    }
    const payload = body.subarray(start, end)
    const head = header.subarray(0, headerLength)
    if (payload.length <= JOIN_BYTES) {
      this.#socket.write(Buffer.concat([head, payload]), done)
    } else {
      this.#socket.cork()
      this.#socket.write(Buffer.from(head))
      this.#socket.write(payload, done)
      this.#socket.uncork()
    }
    return false
  }

  endWriting(): void {
    this.#socket.end()
  }

  detach(): number {
    throw new ResourceError('ERR_RESOURCE', 'node:net owns the descriptor of this socket, so it cannot be given away.')
  }

  close(error: Error): Promise<void> {
    this.#closing = error
    this.#socket.destroy()
    return this.#closed
  }
}
