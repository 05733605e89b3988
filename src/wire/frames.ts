// Runs in: owner, template and child. Length-prefixed frames, the framing of Python's multiprocessing.connection.
//
// A stream has no messages; a frame makes one. Pure: bytes in, bytes out, whoever moves them. The decoder meets bytes
// of strangers, so it checks every length before it takes memory, and takes memory only for bytes that have arrived.

import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError, UsageError } from '../errors.js'

// The wire format, from CPython's Lib/multiprocessing/connection.py, Connection._send_bytes and _recv_bytes: struct
// '!i' (int32, big-endian) is the length. A length above 0x7fffffff is sent as -1, followed by '!Q' (uint64,
// big-endian).
const SHORT_HEADER_BYTES = 4
const LONG_HEADER_BYTES = 12
const LONG_FORM_MARK = -1

/** The largest payload, in bytes, that the 4-byte header can announce. Source: '!i' in CPython's connection.py. */
export const MAX_SHORT_LENGTH = 0x7fffffff

/**
 * Up to this many payload bytes, header and payload belong into one write: two small writes would meet Nagle's
 * algorithm and wait for each other. Above it the copy costs more than the write. Source: CPython's connection.py,
 * _send_bytes (bpo-20540).
 */
export const ONE_WRITE_LIMIT = 16384

// Received pieces below this size are joined with their neighbours while a frame is incomplete; see append().
const SMALL_PIECE_BYTES = 4096

/**
 * The header that announces a payload.
 *
 * @param length of the payload, in bytes
 * @returns 4 bytes, or 12 where length is above MAX_SHORT_LENGTH
 * @throws UsageError ERR_INVALID_ARGUMENT where length is not a safe integer of at least 0
 */
export function encodeFrameHeader(length: number): Buffer {
  checkLength(length, 'ERR_INVALID_ARGUMENT', 'A frame length')
  const header = Buffer.allocUnsafe(headerBytes(length))
  writeHeader(header, length)
  return header
}

/** The largest payload that a process takes from its own child or owner, in bytes: what one Buffer can hold on every Node. */
export const MAX_OWN_PAYLOAD = 2 ** 32 - 1

/**
 * Header and payload in one new buffer. The payload is copied: above ONE_WRITE_LIMIT bytes, write encodeFrameHeader()
 * and then the payload itself.
 *
 * @param payload any bytes, none included
 * @param into takes the frame instead of a new buffer; it has room for 12 bytes and the payload
 * @returns the frame
 */
export function encodeFrame(payload: Uint8Array, into?: Buffer): Buffer {
  const start = headerBytes(payload.length)
  const end = start + payload.length
  const frame = into?.subarray(0, end) ?? Buffer.allocUnsafe(end)
  writeHeader(frame, payload.length)
  frame.set(payload, start)
  return frame
}

/** Several frames in one buffer, for one write. */
export function encodeFrames(payloads: readonly Uint8Array[]): Buffer {
  return Buffer.concat(payloads.map((payload) => encodeFrame(payload)))
}

/**
 * Reads a header, for whoever reads a stream synchronously and knows how much to ask for next.
 *
 * @param header starts with a frame's first 4 bytes, or with its first 12 where those 4 say -1
 * @returns the length of the payload, in bytes; to be compared with a limit before memory is taken
 * @throws ProtocolError ERR_PROTOCOL where it is a negative number other than -1
 * @throws ProtocolError ERR_MESSAGE_TOO_LARGE where it is not a safe integer
 */
export function readFrameLength(header: Buffer): number {
  const short = header.readInt32BE(0)
  const length = short === LONG_FORM_MARK ? readLongLength(header, SHORT_HEADER_BYTES) : short
  if (length < 0) throw new ProtocolError('ERR_PROTOCOL', negativeText(length))
  if (length > Number.MAX_SAFE_INTEGER) {
    throw new ProtocolError('ERR_MESSAGE_TOO_LARGE', `A frame announces ${length} bytes.`)
  }
  return length
}

// A length of 2 ** 53 or more is rounded here, but never to a safe integer: it stays above every limit.
function readLongLength(from: Buffer, offset: number): number {
  return from.readUInt32BE(offset) * 2 ** 32 + from.readUInt32BE(offset + 4)
}

// CPython takes a negative length for an empty message. We take it for what it is: a stream that has lost its place.
function negativeText(length: number): string {
  return `A frame announces the length ${length}.`
}

function headerBytes(length: number): number {
  return length > MAX_SHORT_LENGTH ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES
}

function writeHeader(into: Buffer, length: number): void {
  if (length > MAX_SHORT_LENGTH) {
    into.writeInt32BE(LONG_FORM_MARK, 0)
    into.writeBigUInt64BE(BigInt(length), SHORT_HEADER_BYTES)
  } else {
    into.writeInt32BE(length, 0)
  }
}

function checkLength(length: number, code: 'ERR_INVALID_ARGUMENT' | 'ERR_INVALID_OPTION', what: string): void {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new UsageError(code, `${what} must be a safe integer of at least 0, but is ${length}.`)
  }
}

/**
 * Cuts a stream into payloads, however the stream was cut into chunks.
 *
 * A payload that lies within one chunk is returned as a view of that chunk: do not write to a chunk after handing it
 * over (the chunks of a net.Socket are never reused) without keepUnread(). A payload that came in several chunks is joined once, when it is
 * complete. Either way it may be kept, but a view keeps its whole chunk alive: copy a small payload that shall be kept
 * for long.
 *
 * The first violation is final: where one stream position is wrong, all later ones are. Every later call throws the
 * same error.
 */
export class FrameDecoder {
  readonly #chunks: Buffer[] = []
  /** Bytes of the first chunk that are already consumed. */
  #offset = 0
  /** Bytes in #chunks that are not consumed. */
  #unread = 0
  /** Header bytes consumed of the frame that is being read: 0, 4 or 12. */
  #headerRead = 0
  /** Its payload length, or -1 while the header is incomplete. */
  #length = -1
  #maxLength = 0
  #failure: ProtocolError | undefined

  /**
   * @param options.maxLength the largest payload to take, in bytes
   * @throws UsageError ERR_INVALID_OPTION where maxLength is not a safe integer of at least 0
   */
  constructor(options: { maxLength: number }) {
    this.maxLength = options.maxLength
  }

  /**
   * The largest payload that is taken, in bytes. Setting it concerns every frame whose header has not been read yet, so
   * a limit that is raised between two frames must be raised between two calls of next(): push() reads all the frames
   * of its chunk.
   *
   * @throws UsageError ERR_INVALID_OPTION where it is set to anything but a safe integer of at least 0
   */
  get maxLength(): number {
    return this.#maxLength
  }

  set maxLength(bytes: number) {
    checkLength(bytes, 'ERR_INVALID_OPTION', 'maxLength')
    this.#maxLength = bytes
  }

  /** Bytes received that belong to a frame not yet returned, its header included. 0 exactly between two frames. */
  get pendingBytes(): number {
    return this.#headerRead + this.#unread
  }

  /**
   * Takes a chunk and returns every payload that is complete now. Where it throws, complete payloads in front of the
   * violation are lost with it: use append() and next() to get those first.
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
    // A frame sent byte by byte would otherwise cost one Buffer object, over 100 bytes, for each of its bytes. Small
    // neighbours are joined as in a binary counter: few pieces remain, and no byte is copied more than 12 times.
    while (this.#chunks.length > 1 && piece.length < SMALL_PIECE_BYTES) {
      const last = this.#chunks[this.#chunks.length - 1]!
      if (last.length > piece.length) break
      piece = Buffer.concat([last, piece])
      this.#chunks.pop()
    }
    this.#chunks.push(piece)
  }

  /**
   * The next payload, where all of it has arrived.
   *
   * @returns the payload, or undefined where more bytes are needed
   * @throws ProtocolError ERR_MESSAGE_TOO_LARGE where a header announces more than maxLength bytes
   * @throws ProtocolError ERR_PROTOCOL where a header is a negative number other than -1
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

  /** Copies what is unread, so that the memory of the chunks handed over may be written to again. Payloads returned before are views of it. */
  keepUnread(): void {
    if (this.#chunks.length === 0) return
    const unread = Buffer.concat(this.#chunks.splice(0)).subarray(this.#offset)
    this.#chunks.push(unread)
    this.#offset = 0
  }

  /**
   * Call when the stream has ended.
   *
   * @throws ProtocolError ERR_CONNECTION_ENDED where it ended within a frame; the error of an earlier violation, if
   * there was one
   */
  end(): void {
    if (this.#failure) throw this.#failure
    if (this.pendingBytes === 0) return
    const missing = this.#length < 0 ? 'within its header' : `with ${this.#length - this.#unread} bytes missing`
    throw this.#fail('ERR_CONNECTION_ENDED', `The connection ended in the middle of a frame, ${missing}.`)
  }

  #readHeader(): void {
    if (this.#headerRead === 0) {
      if (this.#unread < SHORT_HEADER_BYTES) return
      const length = this.#take(SHORT_HEADER_BYTES).readInt32BE(0)
      this.#headerRead = SHORT_HEADER_BYTES
      if (length !== LONG_FORM_MARK) {
        this.#announce(length)
        return
      }
    }
    if (this.#unread < LONG_HEADER_BYTES - SHORT_HEADER_BYTES) return
    const header = this.#take(LONG_HEADER_BYTES - SHORT_HEADER_BYTES)
    this.#headerRead = LONG_HEADER_BYTES
    this.#announce(readLongLength(header, 0))
  }

  #announce(length: number): void {
    if (length < 0) throw this.#fail('ERR_PROTOCOL', negativeText(length))
    if (length > this.#maxLength) {
      const text = `A frame announces ${length} bytes; at most ${this.#maxLength} are taken at this point.`
      throw this.#fail('ERR_MESSAGE_TOO_LARGE', text)
    }
    this.#length = length
  }

  /** Consumes bytes that are known to be there. */
  #take(length: number): Buffer {
    if (length === 0) return Buffer.alloc(0)
    let first = this.#chunks[0]!
    if (first.length - this.#offset < length) {
      // Everything unread is joined at once, so that what follows the frame is joined already: no byte is joined for
      // every frame.
      this.#chunks[0] = first.subarray(this.#offset)
      first = Buffer.concat(this.#chunks.splice(0), this.#unread)
      this.#chunks.push(first)
      this.#offset = 0
    }
    const taken = first.subarray(this.#offset, this.#offset + length)
    this.#offset += length
    this.#unread -= length
    if (this.#offset === first.length) {
      this.#chunks.shift()
      this.#offset = 0
    }
    return taken
  }

  #fail(code: ProtocolError['code'], text: string): ProtocolError {
    this.#failure = new ProtocolError(code, text)
    this.#chunks.length = 0
    this.#offset = 0
    this.#unread = 0
    this.#headerRead = 0
    return this.#failure
  }
}
