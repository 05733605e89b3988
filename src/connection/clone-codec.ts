// Runs in: owner and child. The codec 'clone': structured clones, with a short way for bytes that are sent by themselves. Pure.
//
// V8's serializer is an object of C++ for each value, and asks JavaScript three times for an array of bytes: several microseconds, which a
// small message feels. What it writes for one is a fixed beginning, a length and the bytes, so that is written and read here; every
// other value, and whatever is not exactly that, is the serializer's.
import { types } from 'node:util'
import { decodeValue, encodeValue } from '../wire/values/clone.js'
import { MAX_VALUE_BYTES } from '../wire/values/clone-refusal.js'

const LENGTH_BITS = 7
const MORE = 1 << LENGTH_BITS

/** How V8 begins an array of bytes, learned from V8 itself: it changes with V8. The last byte names the class. */
const beginningOf = (empty: Uint8Array): Buffer => encodeValue(empty, 'message').subarray(0, -1)
let beginnings: { readonly buffer: Buffer; readonly uint8Array: Buffer } | undefined
const learned = (): NonNullable<typeof beginnings> =>
  (beginnings ??= { buffer: beginningOf(Buffer.alloc(0)), uint8Array: beginningOf(new Uint8Array(0)) })

/** Writes a value as encodeValue() writes it. */
export function encodeClone(value: unknown): Uint8Array {
  // A view of memory that was transferred away has no length; why it cannot be sent is told by the serializer.
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

/** The array of bytes that a message is, or undefined where it is not exactly one. */
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
