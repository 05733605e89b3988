// Runs in: owner and child. Cuts a connection's bytes into messages, one at a time and only when asked: between two
// messages there may be a byte that carries a descriptor, and only the caller knows which comes next. Pure: bytes in,
// bytes out.
//
// FrameDecoder (wire/frames.ts) keeps the chunks that it is given. This one owns its memory. It copies small messages
// out of a chunk that the caller uses again for the next read. A large message gets its memory first, so that the
// caller can read straight into it. That memory grows with what has arrived: an announced length costs nothing.

import { ProtocolError } from '../errors.js'
import { frameHeaderBytes, readFrameLength, SHORT_HEADER_BYTES } from '../wire/frame-header.js'
import type { Destination } from './transport.js'

/** A payload above this is received in memory of its own. */
const LARGE_BYTES = 32 * 1024
/**
 * The first memory of a large payload. When it is full, the payload gets GROWTH times as much. It is a little above a
 * power of two: the length of data is often one, and a codec adds some bytes.
 */
const FIRST_ROOM_BYTES = 1024 * 1024 + 4096
const GROWTH = 4
const LEAST_HELD_BYTES = 4096
const NOTHING: Buffer = Buffer.alloc(0)

/** The messages of one stream. The first violation is final. */
export class FrameReader {
  /** Bytes that were not taken yet: of a chunk that was lent, or our own. */
  #bytes = NOTHING
  #start = 0
  #end = 0
  #isLent = false
  /** The large payload that is being received. Its memory may be smaller than its length. */
  #large: Buffer | undefined
  #largeLength = 0
  #largeFilled = 0
  /** The lengths of the next payload and of its header, as the last look found them. */
  #length = 0
  #headerLength = 0
  #taken = 0
  #failure: ProtocolError | undefined

  /** Bytes that are held and belong to no message that was taken, headers included. */
  get pendingBytes(): number {
    return this.#end - this.#start + this.#largeFilled
  }

  /** How many bytes were received up to now. */
  get received(): number {
    return this.#taken + this.#end - this.#start
  }

  /** How many of them were taken, or belong to a large message that is being received. */
  get position(): number {
    return this.#taken
  }

  /** The first `count` bytes of a chunk come next. They stay the caller's: keep() before they change. */
  lend(chunk: Buffer, count: number): void {
    let from = 0
    if (this.#large && this.#start === this.#end) {
      from = Math.min(count, this.#largeLength - this.#largeFilled)
      this.#makeRoom(this.#largeFilled + from)
      chunk.copy(this.#large, this.#largeFilled, 0, from)
      this.filled(from)
      if (from === count) return
    }
    if (this.#start < this.#end) return this.#append(chunk, from, count)
    this.#bytes = chunk
    this.#start = from
    this.#end = count
    this.#isLent = true
  }

  /** Copies what is left of a chunk that was lent. */
  keep(): void {
    if (this.#isLent) {
      const chunk = this.#bytes
      const [start, end] = [this.#start, this.#end]
      this.#drop()
      if (start < end) this.#append(chunk, start, end)
    } else if (this.#start === this.#end && this.#bytes.length > 0) this.#drop()
  }

  #drop(): void {
    this.#bytes = NOTHING
    this.#start = this.#end = 0
    this.#isLent = false
  }

  #append(chunk: Buffer, from: number, to: number): void {
    const needed = this.#end - this.#start + to - from
    if (this.#bytes.length - this.#end < to - from) {
      const room =
        needed <= this.#bytes.length ? this.#bytes : Buffer.allocUnsafeSlow(roomFor(needed, this.#bytes.length))
      this.#bytes.copy(room, 0, this.#start, this.#end)
      this.#bytes = room
      this.#end -= this.#start
      this.#start = 0
    }
    chunk.copy(this.#bytes, this.#end, from, to)
    this.#end += to - from
  }

  /** Where the rest of a large message belongs, if one is being received. */
  destination(): Destination | undefined {
    if (!this.#large || this.#start < this.#end || this.#largeFilled === this.#largeLength) return undefined
    this.#makeRoom(this.#largeFilled + 1)
    return { bytes: this.#large, start: this.#largeFilled, end: this.#large.length }
  }

  /** So many bytes were written there. */
  filled(count: number): void {
    this.#largeFilled += count
    this.#taken += count
  }

  #makeRoom(needed: number): void {
    const old = this.#large!
    if (needed <= old.length) return
    this.#large = Buffer.allocUnsafeSlow(Math.min(this.#largeLength, Math.max(needed, old.length * GROWTH)))
    old.copy(this.#large, 0, 0, this.#largeFilled)
  }

  /**
   * Looks without taking anything.
   *
   * @param maxLength the largest payload to take, in bytes
   * @returns whether next() would return or throw
   */
  isReady(maxLength: number): boolean {
    try {
      return this.#look(maxLength)
    } catch {
      return true
    }
  }

  /**
   * Takes the next message, if all of it has arrived.
   *
   * @param maxLength the largest payload to take, in bytes
   * @returns the payload in memory of its own, or undefined if more bytes are needed
   * @throws ProtocolError ERR_MESSAGE_TOO_LARGE, ERR_PROTOCOL: the same from now on
   */
  next(maxLength: number): Buffer | undefined {
    if (!this.#look(maxLength)) return undefined
    if (this.#large) {
      const large = this.#large
      this.#large = undefined
      this.#largeFilled = 0
      return large
    }
    const from = this.#start + this.#headerLength
    const payload = Buffer.allocUnsafe(this.#length)
    this.#bytes.copy(payload, 0, from, from + this.#length)
    this.#take(this.#headerLength + this.#length)
    return payload
  }

  /** Takes one byte that is no part of a message. Returns undefined if none has come. */
  takeByte(): number | undefined {
    const byte = this.#start < this.#end && !this.#large ? this.#bytes[this.#start] : undefined
    if (byte !== undefined) this.#take(1)
    return byte
  }

  /** Whether the next message is complete. Begins to receive a large one. */
  #look(maxLength: number): boolean {
    if (this.#failure) throw this.#failure
    if (this.#large) return this.#largeFilled === this.#largeLength
    if (!this.#readHeader(maxLength)) return false
    const here = this.#end - this.#start - this.#headerLength
    if (here >= this.#length) return true
    if (this.#length > LARGE_BYTES) this.#beginLarge(here)
    return false
  }

  #readHeader(maxLength: number): boolean {
    const here = this.#end - this.#start
    if (here < SHORT_HEADER_BYTES) return false
    const bytes = this.#bytes
    const at = this.#start
    this.#headerLength = frameHeaderBytes(bytes, at)
    if (here < this.#headerLength) return false
    try {
      this.#length = readFrameLength(bytes, at)
    } catch (error) {
      throw (this.#failure = error as ProtocolError)
    }
    if (this.#length <= maxLength) return true
    const announced = `The other side announces a message of ${this.#length} bytes; the limit is ${maxLength}.`
    const text = `${announced} If this is right, raise maxMessageLength.`
    throw (this.#failure = new ProtocolError('ERR_MESSAGE_TOO_LARGE', text))
  }

  #beginLarge(here: number): void {
    this.#large = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(FIRST_ROOM_BYTES, here)))
    this.#largeLength = this.#length
    const from = this.#start + this.#headerLength
    this.#bytes.copy(this.#large, 0, from, from + here)
    this.#take(this.#headerLength)
    this.#start += here
    this.filled(here)
  }

  #take(count: number): void {
    this.#start += count
    this.#taken += count
  }
}

function roomFor(needed: number, had: number): number {
  return Math.max(LEAST_HELD_BYTES, needed, Math.min(2 * had, 2 * needed))
}
