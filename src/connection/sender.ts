// Runs in: owner and child. The sending half of a connection: headers, and promises that follow the kernel's pace.

import { UsageError } from '../errors.js'
import { abortError } from '../promises/abort.js'
import { LONG_HEADER_BYTES, writeFrameHeader } from '../wire/frame-header.js'
import type { Outgoing, Transport } from './transport.js'

const SENT = Promise.resolve()
const NOTHING = new Uint8Array(0)
/**
 * A descriptor rides on one byte outside of any frame, which counts them. Source: sendfds() in CPython's reduction.py.
 */
const HANDLE_MARK = Buffer.of(1)
// One for all connections of a thread: a transport that keeps it for later copies it.
const HEADER = Buffer.allocUnsafeSlow(LONG_HEADER_BYTES)

export class Sender {
  readonly #transport: Transport
  #isEnded = false

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** Sends a part of some bytes as one message. Throws or rejects as Connection.sendBytes() rejects. */
  message(body: Uint8Array, start: number, end: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#post(
      { header: HEADER, headerLength: writeFrameHeader(HEADER, end - start), body, start, end, descriptor: -1 },
      signal,
    )
  }

  /** Passes a descriptor along. Throws or rejects as Connection.sendHandle() rejects. */
  handle(fd: number, signal: AbortSignal | undefined): Promise<void> {
    const none = { body: NOTHING, start: 0, end: 0 }
    return this.#post({ header: HANDLE_MARK, headerLength: 1, ...none, descriptor: fd }, signal)
  }

  #post(outgoing: Outgoing, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isEnded) throw new UsageError('ERR_INVALID_STATE', 'Nothing can be sent after end().')
    if (signal?.aborted) throw abortError(signal)
    let early: { error: Error | undefined } | undefined
    let settle = (error?: Error): void => {
      early = { error } // it has left within send(), together with others
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

  /** Nothing more will be sent, after what still waits. */
  end(): void {
    if (!this.#isEnded) this.#transport.endWriting()
    this.#isEnded = true
  }
}
