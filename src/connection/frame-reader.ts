// Runs in: owner and child. Cuts the bytes of a connection into messages, one at a time and only on request: a byte
// that carries a descriptor may follow a message, and only the caller knows which of the two comes next. Pure: bytes
// in, bytes out.
//
// FrameDecoder keeps the chunks that it is given. This class has memory of its own. It copies small messages out of a
// chunk, so that the caller can use the chunk again for the next read. For a large message it allocates memory first,
// so that the caller can read directly into it. That memory grows with the bytes that have arrived, so an announced
// length alone costs nothing.

import { ProtocolError } from '../errors.js'
import { frameHeaderBytes, readFrameLength, SHORT_HEADER_BYTES } from '../wire/frame-header.js'
import type { Destination } from './transport.js'

/** A payload larger than this gets memory of its own. */
const LARGE_BYTES = 32 * 1024
/**
 * The first block of memory for a large payload. When a block is full, the next is GROWTH times as large. The first is
 * a little larger than a power of two, because data often has a power of two as its length and a codec adds some bytes.
 */
const FIRST_ROOM_BYTES = 1024 * 1024 + 4096
const GROWTH = 4
const LEAST_HELD_BYTES = 4096
const NOTHING: Buffer = Buffer.alloc(0)

/** The messages of one stream of bytes. After the first error of the protocol nothing more can be read. */
export class FrameReader {
  /** Bytes that were not taken yet: in the chunk of the caller, or in our own memory. */
  #bytes = NOTHING
  #start = 0
  #end = 0
  #isLent = false
  /** The large payload that is being received. Its memory may be smaller than its length. */
  #large: Buffer | undefined
  #largeLength = 0
  #largeFilled = 0
  /** The length of the next payload and of its header, as found by the last look. */
  #length = 0
  #headerLength = 0
  #taken = 0
  #failure: ProtocolError | undefined

  /** How many bytes are held that belong to no finished message, including headers. */
  get pendingBytes(): number {
    return this.#end - this.#start + this.#largeFilled
  }

  /** How many bytes were received so far. */
  get received(): number {
    return this.#taken + this.#end - this.#start
  }

  /** How many of them were taken, or belong to a large message that is being received. */
  get position(): number {
    return this.#taken
  }

  /** Whether a large message has begun that was not taken yet. */
  get isInMessage(): boolean {
    return this.#large !== undefined
  }

  /** Adds the first `count` bytes of a chunk. The chunk stays the caller's: call keep() before it changes. */
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

  /** Copies the bytes of the caller's chunk that were not taken yet. */
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

  /** Where to put the rest of a large message, if one is being received. */
  destination(): Destination | undefined {
    if (!this.#large || this.#start < this.#end || this.#largeFilled === this.#largeLength) return undefined
    this.#makeRoom(this.#largeFilled + 1)
    return { bytes: this.#large, start: this.#largeFilled, end: this.#large.length }
  }

  /** Tells how many bytes were put there. */
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
   * Looks for the next message without taking it.
   *
   * @param maxLength the largest payload to accept, in bytes
   * @returns whether next() would return or throw
   */
  isReady(maxLength: number): boolean {
    if (this.#failure) return true
    try {
      return this.#look(maxLength)
    } catch {
      return true
    }
  }

  /**
   * Takes the next message, if it has arrived completely.
   *
   * @param maxLength the largest payload to accept, in bytes
   * @returns the payload in memory of its own, or undefined if bytes are missing
   * @throws ProtocolError ERR_MESSAGE_TOO_LARGE, ERR_PROTOCOL; all later calls throw the same
   */
  next(maxLength: number): Buffer | undefined {
    if (this.#failure) throw this.#failure
    try {
      if (!this.#look(maxLength)) return undefined
    } catch (error) {
      throw (this.#failure = error as ProtocolError)
    }
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

  /** Takes one byte that does not belong to a message. Returns undefined if none has arrived. */
  takeByte(): number | undefined {
    const byte = this.#start < this.#end && !this.#large ? this.#bytes[this.#start] : undefined
    if (byte !== undefined) this.#take(1)
    return byte
  }

  /** Whether the next message is complete. If it is a large one, this begins to receive it. */
  #look(maxLength: number): boolean {
    if (this.#large) {
      checkLength(this.#largeLength, maxLength) // a call with another limit may have begun it
      return this.#largeFilled === this.#largeLength
    }
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
    this.#length = readFrameLength(bytes, at)
    checkLength(this.#length, maxLength)
    return true
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

function checkLength(length: number, maxLength: number): void {
  if (length <= maxLength) return
  const text =
    `A message of ${length} bytes is coming; ` +
    `at most ${maxLength} are accepted. Raise maxMessageLength if that is right.`
  throw new ProtocolError('ERR_MESSAGE_TOO_LARGE', text)
}

function roomFor(needed: number, had: number): number {
  return Math.max(LEAST_HELD_BYTES, needed, Math.min(2 * had, 2 * needed))
}
