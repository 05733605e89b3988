// Runs in: the test process. Structured clones survive the way there and back, and a refusal names what is to blame.

import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import vm from 'node:vm'
import fc from 'fast-check'
import { decodeValue, encodeValue, MAX_VALUE_BYTES } from '#src/clone.js'
import { ProtocolError, UsageError } from '#src/errors.js'

const HOST_OBJECT_TAG = 0x5c // V8's '\\'
const nodeMajor = Number(process.versions.node.split('.')[0])

function roundTrip<T>(value: T): T {
  return decodeValue(encodeValue(value, 'value')) as T
}

function refusalOf(value: unknown, name = 'arguments'): UsageError {
  try {
    encodeValue(value, name)
  } catch (error) {
    assert.ok(error instanceof UsageError)
    assert.equal(error.code, 'ERR_CANNOT_CLONE')
    return error
  }
  return assert.fail('it was cloned')
}

function saysOf(value: unknown): string {
  return refusalOf(value).message.split(', which cannot be cloned')[0]!
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

describe('a refusal names', () => {
  test('the path', () => {
    const error = refusalOf([{ a: { b() {} } }])
    const text =
      'arguments[0].a.b is a function, which cannot be cloned. Pass plain data, and let the child import the function from its module.'
    assert.equal(error.message, text)
    assert.ok(error.cause instanceof Error)
    assert.match(error.cause.message, /could not be cloned/)
  })

  const f = () => 1
  const paths: Array<[string, unknown]> = [
    ['arguments is a function', f],
    ["arguments['a b'] is a function", { 'a b': f }],
    ["arguments['0'] is a function", { 0: f }],
    ['arguments[4000000000] is a function', Object.assign([], { 4000000000: f })],
    ['arguments.extra is a function', Object.assign([1], { extra: f })],
    ['arguments.été is a function', { été: f }],
    ["arguments.get('k').x is a function", new Map([['k', { x: f }]])],
    [
      'arguments.<key 1>.x is a function',
      new Map<unknown, number>([
        ['k', 1],
        [{ x: f }, 2],
      ]),
    ],
    ['arguments.<value 0>.x is a function', new Map([[{}, { x: f }]])],
    ['arguments[0].<item 1> is a function', [new Set([1, f])]],
    ['arguments.cause.f is a function', new Error('x', { cause: { f } })],
    ['arguments.message is a symbol', Object.assign(new Error(), { message: Symbol('m') })],
    [
      'arguments.f is a function',
      new (class Job {
        f = f
      })(),
    ],
  ]
  for (const [expected, value] of paths) {
    test(expected, () => assert.equal(saysOf(value), expected))
  }

  test('the kind of what can never be cloned', () => {
    const kinds: Array<[string, unknown]> = [
      ['a symbol', Symbol('s')],
      ['a Symbol', Object(Symbol('s'))],
      ['a Promise', Promise.resolve()],
      ['a WeakMap', new WeakMap()],
      ['a WeakRef', new WeakRef({})],
      ['a SharedArrayBuffer', new SharedArrayBuffer(1)],
      ['a Proxy', new Proxy({}, {})],
      ['a Proxy', new Proxy(f, {})],
      ['a MessagePort', new MessageChannel().port1],
      ['a Generator', (function* () {})()],
      ['a Map Iterator', new Map().entries()],
      ['a KeyObject', createSecretKey(Buffer.from('k'))],
      ['a WebAssembly.Memory', vm.runInThisContext('new WebAssembly.Memory({ initial: 1 })')],
      ['an Arguments', vm.runInThisContext('(function () { return arguments })(1)')],
    ]
    for (const [kind, value] of kinds) {
      assert.equal(saysOf([{ x: value }]), `arguments[0].x is ${kind}`)
    }
  })

  test('an object that is more than it looks, though it has properties and they are fine', () => {
    const port = Object.assign(new MessageChannel().port1, { note: { a: 1 } })
    assert.equal(saysOf([{ ok: new Map() }, { port }]), 'arguments[1].port is a MessagePort')
    assert.equal(saysOf([Object.assign(new WeakSet(), { note: {} })]), 'arguments[0] is a WeakSet')
  })

  test('the first culprit in the order of cloning, past circles', () => {
    const up: Record<string, unknown> = { child: {} }
    ;(up.child as Record<string, unknown>).up = up
    up.g = f
    up.h = Symbol('later')
    assert.equal(saysOf(up), 'arguments.g is a function')
  })

  test('a getter that throws, with its own error as cause', () => {
    const own = new RangeError('out of reach')
    const error = refusalOf([
      {
        get page() {
          throw own
        },
      },
    ])
    assert.equal(error.message, 'arguments[0].page cannot be read: its getter threw "out of reach". Pass plain data.')
    assert.equal(error.cause, own)
    const hostile = new Proxy({}, { get: () => assert.fail('touched') })
    assert.match(
      refusalOf({
        get a() {
          throw hostile
        },
      }).message,
      /^arguments\.a cannot be read/,
    )
    assert.equal(saysOf([new Proxy({}, { get: () => assert.fail('touched') })]), 'arguments[0] is a Proxy')
  })

  test('memory that was transferred away', () => {
    const view = new Uint8Array(8)
    structuredClone(view, { transfer: [view.buffer] })
    assert.equal(saysOf([view]), 'arguments[0] is a detached ArrayBuffer')
  })

  test('a depth that exhausts the stack', () => {
    let list: unknown[] = []
    for (let depth = 0; depth < 100_000; depth++) list = [list]
    assert.equal(refusalOf(list).message, 'arguments cannot be cloned: it is nested too deeply. Pass plain data.')
  })

  test('a long path by its two ends, and a big array by its index', () => {
    let chain: unknown = { f }
    for (let depth = 0; depth < 100; depth++) chain = { n: chain }
    assert.match(saysOf(chain), /^arguments(\.n){10} \.\.\. (\.n){9}\.f is a function$/)
    assert.equal(saysOf([...new Array(100_000).fill({}), f]), 'arguments[100000] is a function')
  })

  test('in a value too large to search, at least what V8 said', () => {
    assert.match(
      refusalOf([...new Array(1_000_001).fill(0), f]).message,
      /^arguments cannot be cloned: .*could not be cloned/,
    )
  })

  test('property: hides nothing but the one function somewhere inside', () => {
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.integer(),
        fc.array(tie('node')),
        fc.dictionary(fc.string(), tie('node')),
        fc.array(tie('node')).map((items) => new Set(items)),
        fc.array(fc.tuple(tie('node'), tie('node'))).map((entries) => new Map(entries)),
      ),
    })).node
    const steps = fc.array(fc.constantFrom('array', 'object', 'map', 'key', 'set', 'error'), { maxLength: 8 })
    fc.assert(
      fc.property(tree, steps, (other, path) => {
        let value: unknown = f
        let expected = ''
        for (const step of path) {
          if (step === 'array') [value, expected] = [[other, value], `[1]${expected}`]
          if (step === 'object') [value, expected] = [{ other, it: value }, `.it${expected}`]
          if (step === 'map') [value, expected] = [new Map([['k', value]]), `.get('k')${expected}`]
          if (step === 'key') [value, expected] = [new Map([[value, other]]), `.<key 0>${expected}`]
          if (step === 'set') [value, expected] = [new Set([value]), `.<item 0>${expected}`]
          if (step === 'error') [value, expected] = [new Error('x', { cause: value }), `.cause${expected}`]
        }
        assert.equal(saysOf(value), `arguments${expected} is a function`)
      }),
    )
  })
})

describe('sizes', () => {
  const text = `arguments has more than the ${MAX_VALUE_BYTES} bytes that can be sent. Send it in parts, or as a file.`

  test('one view above the limit is refused before it is copied', () => {
    assert.equal(refusalOf([new Uint8Array(MAX_VALUE_BYTES + 1)]).message, text)
  })

  test('views that are too large together are refused', () => {
    const memory = new ArrayBuffer(2 ** 30) // never copied as a whole: the second view is one too many
    assert.equal(refusalOf([new Uint8Array(memory, 2 ** 29), new Uint8Array(MAX_VALUE_BYTES - 2 ** 28)]).message, text)
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
