// Runs in: owner and child. The sending half of a connection: it writes the headers, and its promises resolve when the
// kernel has taken a message.

import { UsageError } from '../errors.js'
import { check, native } from '../platform/native.js'
import { abortError } from '../promises/abort.js'
import { LONG_HEADER_BYTES, writeFrameHeader } from '../wire/frame-header.js'
import type { Outgoing, Transport } from './transport.js'

const SENT = Promise.resolve()
const NOTHING = new Uint8Array(0)
/**
 * The byte that carries a descriptor. It belongs to no frame; its value is the number of descriptors. Source: sendfds()
 * in CPython's reduction.py.
 */
const HANDLE_MARK = Buffer.of(1)
// One buffer for all connections of a thread. Code that keeps it for later has to copy it.
const HEADER = Buffer.allocUnsafeSlow(LONG_HEADER_BYTES)

export class Sender {
  readonly #transport: Transport
  #isEnded = false

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /**
   * Sends a part of some bytes as one message. Throws or rejects with the errors of Connection.sendBytes(). The bytes
   * are not copied: nobody may change them until they have left, also after the signal has ended the wait.
   */
  message(body: Uint8Array, start: number, end: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#post(
      { header: HEADER, headerLength: writeFrameHeader(HEADER, end - start), body, start, end, descriptor: -1 },
      signal,
    )
  }

  /** The same for bytes of the caller, who may change them as soon as the promise has settled. */
  callersMessage(body: Uint8Array, start: number, end: number, signal: AbortSignal | undefined): Promise<void> {
    if (!signal) return this.message(body, start, end, signal)
    return this.message(Buffer.from(body.subarray(start, end)), 0, end - start, signal)
  }

  /**
   * Passes a descriptor. Throws or rejects with the errors of Connection.sendHandle(). The caller may close it as soon
   * as the promise has settled.
   */
  handle(fd: number, signal: AbortSignal | undefined): Promise<void> {
    const outgoing = { header: HANDLE_MARK, headerLength: 1, body: NOTHING, start: 0, end: 0, descriptor: fd }
    if (!signal) return this.#post(outgoing, signal)
    this.#check(signal)
    // The descriptor leaves even if the signal ends the wait. By then its number may mean another file.
    const descriptor = check('fcntl', native().duplicate(fd))
    let isOpen = true
    const close = (): void => {
      if (isOpen) native().close(descriptor)
      isOpen = false
    }
    try {
      return this.#post({ ...outgoing, descriptor }, signal, close)
    } catch (error) {
      close()
      throw error
    }
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.#isEnded) throw new UsageError('ERR_INVALID_STATE', 'You cannot send after end().')
    if (signal?.aborted) throw abortError(signal)
  }

  /** @param done is called when the bytes have left, or cannot leave any more, unless this throws */
  #post(outgoing: Outgoing, signal: AbortSignal | undefined, done?: () => void): Promise<void> {
    this.#check(signal)
    let early: { error: Error | undefined } | undefined
    let settle = (error?: Error): void => {
      early = { error } // send() has already called back
    }
    const isSent = this.#transport.send(outgoing, (error) => {
      done?.()
      settle(error)
    })
    if (isSent) {
      done?.()
      return SENT
    }
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
