// Runs in: owner and child. The codec 'clone': structured clones, with a faster way for a message that is one array of
// bytes. Pure.
//
// V8's serializer creates a C++ object for each value and calls JavaScript three times for an array of bytes. That
// takes several microseconds, which matters for a small message. For an array of bytes V8 writes a fixed start, a
// length and the bytes. This file writes and reads exactly that form itself. V8's serializer does all other values.
import { types } from 'node:util'
import { decodeValue, encodeValue } from '../wire/values/clone.js'
import { MAX_VALUE_BYTES } from '../wire/values/clone-refusal.js'

const LENGTH_BITS = 7
const MORE = 1 << LENGTH_BITS

/**
 * The start that V8 writes for an array of bytes. It is taken from V8 itself, because it differs between versions. The
 * last byte is the number of the class.
 */
const beginningOf = (empty: Uint8Array): Buffer => encodeValue(empty, 'message').subarray(0, -1)
let beginnings: { readonly buffer: Buffer; readonly uint8Array: Buffer } | undefined
const learned = (): NonNullable<typeof beginnings> =>
  (beginnings ??= { buffer: beginningOf(Buffer.alloc(0)), uint8Array: beginningOf(new Uint8Array(0)) })

/** Writes a value in the same form as encodeValue(). */
export function encodeClone(value: unknown): Uint8Array {
  // If the memory was transferred away, the length is 0. The serializer then says why the array cannot be sent.
  if (!types.isUint8Array(value) || value.length === 0 || value.length > MAX_VALUE_BYTES - MORE) {
    return encodeValue(value, 'message')
  }
  const { buffer, uint8Array } = learned()
  const beginning = Buffer.isBuffer(value) ? buffer : uint8Array
  let at = beginning.length
  for (let rest = value.length; rest > 0; rest >>>= LENGTH_BITS) at++
  const bytes = Buffer.allocUnsafe(at + value.length)
  bytes.set(beginning)
  bytes.set(value, at)
  at = beginning.length
  let rest = value.length
  for (; rest >= MORE; rest >>>= LENGTH_BITS) bytes[at++] = (rest % MORE) | MORE
  bytes[at] = rest
  return bytes
}

/** Reads what encodeClone() or encodeValue() wrote. */
export function decodeClone(bytes: Uint8Array): unknown {
  const { buffer, uint8Array } = learned()
  const at = buffer.length
  const kind = bytes[at - 1]
  const beginning = kind === buffer[at - 1] ? buffer : kind === uint8Array[at - 1] ? uint8Array : undefined
  return (beginning && bytesBehind(beginning, bytes)) ?? decodeValue(bytes)
}

/** Returns the array of bytes if the message is exactly that; otherwise undefined. */
function bytesBehind(beginning: Buffer, bytes: Uint8Array): Uint8Array | undefined {
  for (let at = 0; at < beginning.length; at++) if (bytes[at] !== beginning[at]) return undefined
  let at = beginning.length
  let length = 0
  for (let scale = 1; ; scale *= MORE) {
    const part = bytes[at++]
    if (part === undefined || scale > MAX_VALUE_BYTES) return undefined
    length += (part % MORE) * scale
    if (part < MORE) break
  }
  if (length !== bytes.length - at) return undefined
  const body = bytes.subarray(at)
  return beginning === beginnings!.buffer ? Buffer.from(body) : new Uint8Array(body)
}
