// Runs in: the test process. Structured clones survive the way there and back, and bytes that are none are refused.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import vm from 'node:vm'
import fc from 'fast-check'
import { ProtocolError, UsageError } from '#src/errors.js'
import { decodeValue, encodeValue } from '#src/wire/values/clone.js'

const HOST_OBJECT_TAG = 0x5c // V8's '\\'
const nodeMajor = Number(process.versions.node.split('.')[0])

function roundTrip<T>(value: T): T {
  return decodeValue(encodeValue(value, 'value')) as T
}

describe('what is kept', () => {
  test('property: everything that fast-check can think of is cloned as by structuredClone()', () => {
    const anything = fc.anything({
      ...{ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true },
      ...{ withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true },
    })
    fc.assert(
      fc.property(anything, (value) => {
        fc.pre(!inspect(value, { depth: null }).includes('Invalid Date')) // to deepStrictEqual no two of them are equal
        assert.deepStrictEqual(roundTrip(value), structuredClone(value))
      }),
    )
  })

  test('special values', () => {
    const withHoles = Object.assign(new Array(3), { 1: 'here' })
    for (const value of [
      undefined,
      null,
      -0,
      NaN,
      Infinity,
      2n ** 200n,
      '',
      '\ud800',
      /a.b/gimsuy,
      new Date(0),
      withHoles,
    ]) {
      assert.deepStrictEqual(roundTrip(value), value)
    }
    assert.ok(Number.isNaN(roundTrip(new Date(NaN)).getTime()))
    assert.equal(0 in roundTrip(withHoles), false, 'a hole stays a hole')
  })

  test('circles and shared parts', () => {
    const circle: Record<string, unknown> = { list: [] }
    circle.self = circle
    circle.map = new Map([[circle, new Set([circle])]])
    assert.deepStrictEqual(roundTrip(circle), circle)
    const shared = { bytes: new Uint8Array(4) }
    const [first, second, bytes] = roundTrip([shared, shared, shared.bytes] as const)
    assert.equal(first, second)
    assert.equal(first.bytes, bytes)
  })

  test('errors: class, message, stack and cause; not their other properties', () => {
    const error = Object.assign(new TypeError('bad', { cause: { a: [1] } }), { code: 'E_BAD', hook() {} })
    const copy = roundTrip({ error }).error
    assert.ok(copy instanceof TypeError)
    assert.equal(copy.stack, error.stack)
    assert.deepStrictEqual(copy.cause, { a: [1] })
    assert.deepStrictEqual(Object.keys(copy), [])
  })

  test('class instances become plain objects', () => {
    class Point {
      x = 1
      #secret = 2
      get length() {
        return this.#secret
      }
    }
    assert.deepStrictEqual(roundTrip(new Point()), { x: 1 })
    assert.deepStrictEqual(roundTrip({ [Symbol('gone')]: 1, here: 2 }), { here: 2 })
  })
})

describe('array views', () => {
  const names = 'Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array'
  const all = `${names} Float64Array BigInt64Array BigUint64Array Float16Array DataView Buffer`.split(' ')

  test('of every class, at any offset of the message, keep class and bytes', () => {
    for (const name of all) {
      const View = (
        globalThis as unknown as Record<
          string,
          (new (memory: ArrayBuffer, at: number) => NodeJS.TypedArray) | undefined
        >
      )[name]
      if (View === undefined) continue // Float16Array before Node 24
      const memory = Uint8Array.from({ length: 24 }, (_, index) => index).buffer
      const view = name === 'Buffer' ? Buffer.from(memory, 8) : new View(memory, 8)
      for (let offset = 0; offset < 9; offset++) {
        const bytes = encodeValue(['x'.repeat(offset), view], 'value')
        const message = Buffer.alloc(bytes.length + offset)
        bytes.copy(message, offset)
        const copy = (decodeValue(message.subarray(offset)) as [string, NodeJS.TypedArray])[1]
        assert.deepStrictEqual(copy, view, name)
        assert.equal(copy.constructor, view.constructor)
      }
    }
  })

  test('share no memory with the bytes they were read from', () => {
    for (const name of ['Buffer', 'Uint8Array', 'DataView']) {
      const source = Buffer.alloc(100_000, 7)
      const view = { Buffer: source, Uint8Array: new Uint8Array(source), DataView: new DataView(source.buffer) }[name]!
      const bytes = encodeValue(view, 'value')
      const copy = decodeValue(bytes) as Uint8Array | DataView
      assert.notEqual(copy.buffer, bytes.buffer)
      assert.equal(copy.byteLength, view.byteLength)
      bytes.fill(0)
      assert.equal(Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength)[99_999], 7)
    }
  })

  test('send their own bytes only, not the pool around a Buffer', () => {
    const small = Buffer.from('abc')
    assert.ok(small.buffer.byteLength > 1000)
    assert.ok(encodeValue(small, 'value').length < 32)
  })

  test('of a SharedArrayBuffer, and of another realm', () => {
    assert.deepStrictEqual(roundTrip(new Uint8Array(new SharedArrayBuffer(2))), new Uint8Array(2))
    assert.deepStrictEqual(roundTrip(vm.runInNewContext('new Uint16Array([1, 2])')), new Uint16Array([1, 2]))
  })

  test('a subclass of Buffer or Uint8Array, or a forged constructor, does not mislead', () => {
    class Key extends Uint8Array {}
    assert.equal(roundTrip(new Key(3)).constructor, Uint8Array)
    const forged = Object.assign(new Uint8Array(3), { constructor: Buffer })
    assert.equal(Buffer.isBuffer(roundTrip(forged)), false)
  })
})

describe('bytes that are no value', () => {
  test('are a protocol error where their header is wrong or something follows', () => {
    const good = encodeValue({ a: 1 }, 'value')
    const surplus = Buffer.concat([good, Buffer.from([0])])
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('garbage'),
      Buffer.from([0xff]),
      surplus,
      Buffer.concat([good, good]),
    ]) {
      assert.throws(
        () => decodeValue(bytes),
        (error) => error instanceof ProtocolError && error.code === 'ERR_PROTOCOL',
      )
    }
    assert.throws(() => decodeValue(surplus), { message: 'An encoded value is followed by 1 more bytes.' })
  })

  test('property: any damage gives one of the two errors, or another value, and never a crash', () => {
    const samples = [
      { a: [1, 'x', new Date(0)] },
      new Float64Array(5),
      [Buffer.from('abcdef'), new Map([[1, 2]])],
      new Error('x'),
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (value, at, byte, isCut) => {
          const good = encodeValue(value, 'value')
          const bad = isCut ? good.subarray(0, at % good.length) : good
          if (!isCut) bad[at % bad.length] = byte
          try {
            decodeValue(bad)
          } catch (error) {
            const code = (error as { code?: unknown }).code
            assert.ok(code === 'ERR_PROTOCOL' || code === 'ERR_CANNOT_CLONE', String(error))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('what V8 writes but cannot read back is a usage error', () => {
    const module = vm.runInThisContext('new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))')
    const bytes = encodeValue([module], 'value')
    assert.throws(
      () => decodeValue(bytes),
      (error) => error instanceof UsageError && /WebAssembly\.Module/.test(error.message),
    )
    const circle = new Error('x')
    circle.cause = circle
    if (nodeMajor >= 22) assert.equal(roundTrip(circle).cause instanceof Error, true)
    else assert.throws(() => roundTrip(circle), { code: 'ERR_CANNOT_CLONE' })
  })

  test('a typed array that this Node does not have is named', () => {
    const bytes = encodeValue(new Uint8Array(2), 'value')
    bytes[bytes.indexOf(HOST_OBJECT_TAG) + 1] = 99 // where the class of the view stands
    assert.throws(() => decodeValue(bytes), {
      code: 'ERR_CANNOT_CLONE',
      message: /This kind of array does not exist in Node/,
    })
  })
})
