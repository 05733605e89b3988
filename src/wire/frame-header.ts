// Runs in: owner, template and child. Pure. Writes and reads the headers of frames. The framing is
// that of Python's multiprocessing.connection.
//
// A stream has no messages, so each message travels in a frame: its length and then its payload.

import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError, UsageError } from '../errors.js'

// The wire format, from CPython's Lib/multiprocessing/connection.py, Connection._send_bytes and _recv_bytes: struct
// '!i' (int32, big-endian) is the length. A length above 0x7fffffff is sent as -1, followed by '!Q' (uint64,
// big-endian).

/** Size of a short header, which is only a length, in bytes. */
export const SHORT_HEADER_BYTES = 4

/** Size of a long header, which begins with -1, in bytes. */
export const LONG_HEADER_BYTES = 12

/** Size of a checked header, in bytes. */
export const CHECKED_HEADER_BYTES = 8

const LONG_FORM_MARK = -1

/** The largest payload, in bytes, that the 4-byte header can announce. Source: '!i' in CPython's connection.py. */
export const MAX_SHORT_LENGTH = 0x7fffffff

/**
 * Up to this many payload bytes, header and payload go into one write: with Nagle's algorithm, two
 * small writes would wait for each other. Above it the copy costs more than a second write. Source:
 * CPython's connection.py, _send_bytes (bpo-20540).
 */
export const ONE_WRITE_LIMIT = 16384

/**
 * The largest payload that a process takes from its own child or owner, in bytes: every Node has Buffers of this size.
 */
export const MAX_OWN_PAYLOAD = 2 ** 32 - 1

/**
 * Writes the header that announces a payload.
 *
 * @param into has room for 12 bytes
 * @param length of the payload, in bytes: a safe integer of at least 0
 * @returns the size of the header: 4 bytes, or 12 if length is above MAX_SHORT_LENGTH
 */
export function writeFrameHeader(into: Buffer, length: number): number {
  if (length > MAX_SHORT_LENGTH) {
    into.writeInt32BE(LONG_FORM_MARK, 0)
    into.writeBigUInt64BE(BigInt(length), SHORT_HEADER_BYTES)
    return LONG_HEADER_BYTES
  }
  into[0] = length >>> 24
  into[1] = length >>> 16
  into[2] = length >>> 8
  into[3] = length
  return SHORT_HEADER_BYTES
}

/**
 * The header that announces a payload.
 *
 * @param length of the payload, in bytes
 * @returns 4 bytes, or 12 if length is above MAX_SHORT_LENGTH
 * @throws UsageError ERR_INVALID_ARGUMENT if length is not a safe integer of at least 0
 */
export function encodeFrameHeader(length: number): Buffer {
  if (!Number.isSafeInteger(length) || length < 0) {
    const text = `A frame length must be a safe integer of at least 0, but is ${length}.`
    throw new UsageError('ERR_INVALID_ARGUMENT', text)
  }
  const header = Buffer.allocUnsafe(length > MAX_SHORT_LENGTH ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES)
  writeFrameHeader(header, length)
  return header
}

/**
 * The header for memory that a task can overwrite: a u32 length and its complement. Without the complement, a reader
 * whose bytes were overwritten could wait for ever for a payload that nobody sends.
 *
 * @param length of the payload, in bytes: at most MAX_OWN_PAYLOAD
 * @returns CHECKED_HEADER_BYTES bytes
 */
export function encodeCheckedHeader(length: number): Buffer {
  const header = Buffer.allocUnsafe(CHECKED_HEADER_BYTES)
  header.writeUInt32BE(length, 0)
  header.writeUInt32BE(~length >>> 0, 4)
  return header
}

/**
 * Reads what encodeCheckedHeader() wrote.
 *
 * @returns the length of the payload, in bytes
 * @throws ProtocolError ERR_PROTOCOL if that is no such header
 */
export function readCheckedLength(header: Buffer): number {
  const length = header.readUInt32BE(0)
  if (header.readUInt32BE(4) === ~length >>> 0) return length
  throw new ProtocolError(
    'ERR_PROTOCOL',
    'A message between a pool and its worker has no valid header: a task has overwritten memory that both share.',
  )
}

/**
 * Header and payload in one new buffer. The payload is copied: above ONE_WRITE_LIMIT bytes, write encodeFrameHeader()
 * and then the payload itself.
 *
 * @param payload any bytes, none included
 * @param into takes the frame instead of a new buffer; it has room for 12 bytes and the payload
 * @returns the frame
 */
export function encodeFrame(payload: Uint8Array, into?: Buffer): Buffer {
  const start = payload.length > MAX_SHORT_LENGTH ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES
  const end = start + payload.length
  const frame = into?.subarray(0, end) ?? Buffer.allocUnsafe(end)
  writeFrameHeader(frame, payload.length)
  frame.set(payload, start)
  return frame
}

/** Several frames in one buffer, for one write. */
export function encodeFrames(payloads: readonly Uint8Array[]): Buffer {
  return Buffer.concat(payloads.map((payload) => encodeFrame(payload)))
}

/**
 * How long a header is.
 *
 * @param bytes has a frame's first SHORT_HEADER_BYTES bytes at `at`
 * @returns SHORT_HEADER_BYTES or LONG_HEADER_BYTES
 */
export function frameHeaderBytes(bytes: Uint8Array, at = 0): number {
  return readInt32(bytes, at) === LONG_FORM_MARK ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES
}

/**
 * Reads a whole header.
 *
 * @param bytes has the frameHeaderBytes() of a header at `at`
 * @returns the length of the payload, in bytes: compare it with a limit before you take memory
 * @throws ProtocolError ERR_PROTOCOL if it is a negative number other than -1
 * @throws ProtocolError ERR_MESSAGE_TOO_LARGE if it is not a safe integer
 */
export function readFrameLength(bytes: Uint8Array, at = 0): number {
  const short = readInt32(bytes, at)
  // CPython treats a negative length as an empty message. Here it is an error: the stream has lost its place.
  if (short < LONG_FORM_MARK) throw new ProtocolError('ERR_PROTOCOL', `A frame announces the length ${short}.`)
  if (short !== LONG_FORM_MARK) return short
  // A length of 2 ** 53 or more is rounded here, but never to a safe integer.
  const high = readInt32(bytes, at + 4) >>> 0
  const length = high * 2 ** 32 + (readInt32(bytes, at + 8) >>> 0)
  if (length <= Number.MAX_SAFE_INTEGER) return length
  throw new ProtocolError('ERR_MESSAGE_TOO_LARGE', `A frame announces ${length} bytes.`)
}

// Not by Buffer's own method, which has two more checks: this runs once for each message.
function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
