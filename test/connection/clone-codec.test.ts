// Runs in: the test runner. The faster way of the codec 'clone' for bytes: it writes exactly the bytes that V8's
// serializer writes, and reads the same values.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeClone, encodeClone } from '#src/connection/clone-codec.js'
import { decodeValue, encodeValue } from '#src/wire/values/clone.js'

const LENGTHS = [1, 2, 127, 128, 129, 4_095, 4_096, 16_383, 16_384, 16_385, 2_097_151, 2_097_152, 5_000_000]

class Own extends Uint8Array {}

test('bytes are written and read as by the serializer', () => {
  for (const length of LENGTHS) {
    const buffer = randomBytes(length)
    for (const bytes of [buffer, new Uint8Array(buffer)]) {
      const slow = encodeValue(bytes, 'message')
      assert.ok(slow.equals(encodeClone(bytes)), `${bytes.constructor.name} of ${length}`)
      for (const read of [decodeClone(slow), decodeValue(slow)]) assert.deepEqual(read, bytes)
    }
  }
})

test('what looks like bytes and is more, or nothing, is the serializer’s', () => {
  const memory = new ArrayBuffer(64)
  for (const value of [
    new Uint8Array(0),
    Buffer.alloc(0),
    new Uint8ClampedArray(3),
    new Int8Array([-1]),
    new Uint16Array([1, 2]),
    new DataView(memory),
    memory,
    [new Uint8Array([1])],
    Object.assign(new Own(3), { property: 1 }),
    Object.assign(Buffer.from('x'), { property: 1 }),
    new Uint8Array(memory, 8, 3),
    new Uint8Array(new SharedArrayBuffer(4)),
  ]) {
    assert.ok(encodeValue(value, 'message').equals(encodeClone(value)))
    assert.deepEqual(decodeClone(encodeClone(value)), decodeValue(encodeValue(value, 'message')))
  }
  const gone = new Uint8Array(8)
  structuredClone(gone.buffer, { transfer: [gone.buffer] })
  assert.throws(() => encodeClone(gone), { code: 'ERR_CANNOT_CLONE', message: /detached/ })
})

test('what is read has memory of its own', () => {
  const value = new Uint8Array([1, 2, 3])
  const written = encodeClone(value)
  value[0] = 9
  const read = decodeClone(written) as Uint8Array
  written.fill(0)
  assert.deepEqual(read, new Uint8Array([1, 2, 3]))
  assert.equal(read.buffer.byteLength, 3)
})

/** What a reader does with some bytes: the value, or the class and code of the error. */
function outcomeOf(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    const value = read(bytes)
    // For deepEqual() of Node 22, no two invalid dates are equal.
    return { value: value instanceof Date && Number.isNaN(value.getTime()) ? 'Invalid Date' : value }
  } catch (error) {
    const { name, code } = error as Error & { code: unknown }
    return { name, code }
  }
}

test('bytes that are no value are refused as the serializer refuses them', () => {
  const written = encodeClone(new Uint8Array(300))
  const beginning = [...written.subarray(0, 4)]
  const wrong = [
    ...Array.from({ length: 8 }, (_, length) => written.subarray(0, length)),
    written.subarray(0, -1),
    Buffer.concat([written, Buffer.of(0)]),
    ...[[0x80], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0], [0xff, 0xff, 0xff, 0xff, 0x0f], [0x83, 0, 1, 2, 3]].map(
      (rest) => Buffer.from([...beginning, ...rest]),
    ),
  ]
  for (const bytes of wrong) assert.deepEqual(outcomeOf(decodeClone, bytes), outcomeOf(decodeValue, bytes))
  assert.ok(wrong.some((bytes) => 'code' in (outcomeOf(decodeClone, bytes) as object)))
})

test('any change of any byte means the same to both', () => {
  const changed = fc
    .tuple(fc.uint8Array({ maxLength: 200 }), fc.boolean(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
    .map(([value, isBuffer, changes]) => {
      const written = Uint8Array.from(encodeValue(isBuffer ? Buffer.from(value) : value, 'message'))
      for (const [at, byte] of changes) written[at % Math.min(8, written.length)] = byte
      return written
    })
  fc.assert(
    fc.property(changed, (bytes) => assert.deepEqual(outcomeOf(decodeClone, bytes), outcomeOf(decodeValue, bytes))),
    { numRuns: 2_000 },
  )
})
