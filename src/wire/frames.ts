// Runs in: owner, template and child. Pure. Cuts a stream of bytes into the payloads of its frames.
//
// The bytes may come from anybody. So it checks every length before it takes memory, and takes memory only
// for bytes that have arrived. A public connection has another reader, src/connection/frame-reader.ts,
// which uses the same code for headers (frame-header.ts): it reads into memory that is used again, and
// reads a large payload directly into its place.

import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError, UsageError } from '../errors.js'
import {
  CHECKED_HEADER_BYTES,
  frameHeaderBytes,
  readCheckedLength,
  readFrameLength,
  SHORT_HEADER_BYTES,
} from './frame-header.js'

export * from './frame-header.js'

// Received pieces below this size are joined with their neighbours while a frame is incomplete; see append().
const SMALL_PIECE_BYTES = 4096

/**
 * Cuts a stream into payloads, however the stream was cut into chunks.
 *
 * A payload that lies within one chunk is returned as a view of that chunk: do not write to a chunk that you
 * have passed in without keepUnread() (a net.Socket never reuses its chunks). A payload that came in several
 * chunks is joined once, when it is complete. Either may be kept, but a view keeps its whole chunk alive:
 * copy a small payload if you keep it for long.
 *
 * The first violation is final: if one position in a stream is wrong, all later ones are wrong,
 * too. Every later call throws the same error.
 */
export class FrameDecoder {
  readonly #chunks: Buffer[] = []
  /** Bytes of the first chunk that are already consumed. */
  #offset = 0
  /** Bytes in #chunks that are not consumed. */
  #unread = 0
  /** Header bytes consumed of the frame that is being read: 0, 4 or 12. */
  #headerRead = 0
  /** The payload length of that frame, or -1 while the header is incomplete. */
  #length = -1
  #maxLength = 0
  readonly #isChecked: boolean
  #failure: ProtocolError | undefined

  /**
   * @param options.maxLength the largest payload to take, in bytes
   * @param options.isChecked whether headers are those of encodeCheckedHeader(); default false
   * @throws UsageError ERR_INVALID_OPTION if maxLength is not a safe integer of at least 0
   */
  constructor({ maxLength, isChecked = false }: { maxLength: number; isChecked?: boolean }) {
    this.maxLength = maxLength
    this.#isChecked = isChecked
  }

  /**
   * The largest payload that is taken, in bytes. A new value counts for each frame whose header has not been read yet.
   * To raise it between two frames, set it between two calls of next(): push() reads all frames of its chunk.
   *
   * @throws UsageError ERR_INVALID_OPTION if the value is not a safe integer of at least 0
   */
  get maxLength(): number {
    return this.#maxLength
  }

  set maxLength(bytes: number) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      const text = `maxLength must be a safe integer of at least 0, but is ${bytes}.`
      throw new UsageError('ERR_INVALID_OPTION', text)
    }
    this.#maxLength = bytes
  }

  /** How many bytes came of frames that were not returned yet, headers included. It is 0 exactly between two frames. */
  get pendingBytes(): number {
    return this.#headerRead + this.#unread
  }

  /**
   * Takes a chunk and returns every payload that is complete now. If it throws, complete payloads before the violation
   * are lost: use append() and next() to get them.
   *
   * @param chunk the next bytes of the stream
   * @returns the payloads, in order
   * @throws ProtocolError as next() does
   */
  push(chunk: Uint8Array): Buffer[] {
    this.append(chunk)
    const payloads: Buffer[] = []
    for (let payload = this.next(); payload !== undefined; payload = this.next()) payloads.push(payload)
    return payloads
  }

  /**
   * Takes a chunk without looking into it.
   *
   * @param chunk the next bytes of the stream
   * @throws ProtocolError the error of an earlier violation
   */
  append(chunk: Uint8Array): void {
    if (this.#failure) throw this.#failure
    if (chunk.length === 0) return
    this.#unread += chunk.length
    let piece = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    // A frame that comes byte by byte would need one Buffer object, over 100 bytes, for each byte. So small neighbours
    // are joined as in a binary counter: few pieces remain, and no byte is copied more than 12 times.
    while (this.#chunks.length > 1 && piece.length < SMALL_PIECE_BYTES) {
      const last = this.#chunks[this.#chunks.length - 1]!
      if (last.length > piece.length) break
      piece = Buffer.concat([last, piece])
      this.#chunks.pop()
    }
    this.#chunks.push(piece)
  }

  /**
   * The next payload, if all of it has arrived.
   *
   * @returns the payload, or undefined if more bytes are needed
   * @throws ProtocolError ERR_MESSAGE_TOO_LARGE if a header announces more than maxLength bytes
   * @throws ProtocolError ERR_PROTOCOL if a header is no header
   */
  next(): Buffer | undefined {
    if (this.#failure) throw this.#failure
    if (this.#length < 0) this.#readHeader()
    if (this.#length < 0 || this.#unread < this.#length) return undefined
    const payload = this.#take(this.#length)
    this.#length = -1
    this.#headerRead = 0
    return payload
  }

  /**
   * Copies the bytes that are unread, so that the caller may write to the memory of its chunks again. Payloads that
   * were returned before are views of that memory.
   */
  keepUnread(): void {
    if (this.#chunks.length === 0) return
    const unread = Buffer.concat(this.#chunks.splice(0)).subarray(this.#offset)
    this.#chunks.push(unread)
    this.#offset = 0
  }

  /**
   * Call when the stream has ended.
   *
   * @throws ProtocolError ERR_CONNECTION_ENDED if it ended within a frame; the error of an earlier violation, if
   * there was one
   */
  end(): void {
    if (this.#failure) throw this.#failure
    if (this.pendingBytes === 0) return
    const missing = this.#length < 0 ? 'within its header' : `with ${this.#length - this.#unread} bytes missing`
    const text = `The connection ended in the middle of a frame, ${missing}.`
    throw this.#fail(new ProtocolError('ERR_CONNECTION_ENDED', text))
  }

  #readHeader(): void {
    let needed = this.#isChecked ? CHECKED_HEADER_BYTES : SHORT_HEADER_BYTES
    if (this.#unread < needed) return
    if (!this.#isChecked) {
      needed = frameHeaderBytes(this.#peek(SHORT_HEADER_BYTES), this.#offset)
      if (this.#unread < needed) return
    }
    const header = this.#take(needed)
    this.#headerRead = needed
    try {
      this.#announce(this.#isChecked ? readCheckedLength(header) : readFrameLength(header))
    } catch (error) {
      throw this.#fail(error as ProtocolError)
    }
  }

  #announce(length: number): void {
    if (length > this.#maxLength) {
      const text = `A frame announces ${length} bytes; at most ${this.#maxLength} are taken at this point.`
      throw new ProtocolError('ERR_MESSAGE_TOO_LARGE', text)
    }
    this.#length = length
  }

  /** Returns a first chunk with at least `count` unread bytes. The caller knows that there are that many. */
  #peek(length: number): Buffer {
    const first = this.#chunks[0]!
    if (first.length - this.#offset >= length) return first
    // All unread bytes are joined at once. So the bytes after this frame are not joined again for each later frame.
    this.#chunks[0] = first.subarray(this.#offset)
    const joined = Buffer.concat(this.#chunks.splice(0), this.#unread)
    this.#chunks.push(joined)
    this.#offset = 0
    return joined
  }

  /** Consumes bytes. The caller knows that they are there. */
  #take(length: number): Buffer {
    if (length === 0) return Buffer.alloc(0)
    const first = this.#peek(length)
    const taken = first.subarray(this.#offset, this.#offset + length)
    this.#offset += length
    this.#unread -= length
    if (this.#offset === first.length) {
      this.#chunks.shift()
      this.#offset = 0
    }
    return taken
  }

  #fail(failure: ProtocolError): ProtocolError {
    this.#failure = failure
    this.#chunks.length = 0
    this.#offset = 0
    this.#unread = 0
    this.#headerRead = 0
    return this.#failure
  }
}
