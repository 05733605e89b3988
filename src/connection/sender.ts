// Runs in: owner and child. The sending half of a connection: it writes the headers, and its promises resolve when the
// kernel has taken a message.

import { UsageError } from '../errors.js'
import { abortError } from '../promises/abort.js'
import { MAX_SHORT_LENGTH } from '../wire/frames.js'
import type { Outgoing, Transport } from './transport.js'

const SENT = Promise.resolve()
const NOTHING = new Uint8Array(0)
/**
 * The byte that carries a descriptor. It belongs to no frame; its value is the number of descriptors. Source: sendfds()
 * in CPython's reduction.py.
 */
const HANDLE_MARK = Buffer.of(1)
// One buffer for all connections of a thread. Code that keeps it for later has to copy it.
const HEADER = Buffer.allocUnsafeSlow(12)

/** Writes the same header as frames.ts, without allocating memory for each message. */
function writeHeader(length: number): number {
  if (length > MAX_SHORT_LENGTH) {
    HEADER.writeInt32BE(-1, 0)
    HEADER.writeBigUInt64BE(BigInt(length), 4)
    return 12
  }
  HEADER[0] = length >>> 24
  HEADER[1] = length >>> 16
  HEADER[2] = length >>> 8
  HEADER[3] = length
  return 4
}

export class Sender {
  readonly #transport: Transport
  #isEnded = false

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** Sends a part of some bytes as one message. Throws or rejects with the errors of Connection.sendBytes(). */
  message(body: Uint8Array, start: number, end: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#post(
      { header: HEADER, headerLength: writeHeader(end - start), body, start, end, descriptor: -1 },
      signal,
    )
  }

  /** Passes a descriptor. Throws or rejects with the errors of Connection.sendHandle(). */
  handle(fd: number, signal: AbortSignal | undefined): Promise<void> {
    const none = { body: NOTHING, start: 0, end: 0 }
    return this.#post({ header: HANDLE_MARK, headerLength: 1, ...none, descriptor: fd }, signal)
  }

  #post(outgoing: Outgoing, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isEnded) throw new UsageError('ERR_INVALID_STATE', 'You cannot send after end().')
    if (signal?.aborted) throw abortError(signal)
    let early: { error: Error | undefined } | undefined
    let settle = (error?: Error): void => {
      early = { error } // send() has already called back
    }
    if (this.#transport.send(outgoing, (error) => settle(error))) return SENT
    if (early) return early.error ? Promise.reject(early.error) : SENT
    return new Promise<void>((resolve, reject) => {
      const abort = (): void => reject(abortError(signal!))
      signal?.addEventListener('abort', abort, { once: true })
      settle = (error) => {
        signal?.removeEventListener('abort', abort)
        if (error) reject(error)
        else resolve()
      }
    })
  }

  /** Ends the sending direction, after what still waits. */
  end(): void {
    if (!this.#isEnded) this.#transport.endWriting()
    this.#isEnded = true
  }
}
