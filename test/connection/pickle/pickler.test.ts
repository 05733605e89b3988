// Runs in: the test runner. What cannot be pickled is named by its path; what can is written as documented.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { ByteArray, Float, FrozenSet, pickle, pickleCodec, Tuple } from '#src/connection/pickle/pickle.js'
import { UsageError } from '#src/errors.js'

const exact = pickleCodec({ exact: true })
const back = (value: unknown): unknown => pickle.decode(pickle.encode(value))
const exactBack = (value: unknown): unknown => exact.decode(pickle.encode(value))

class Point {
  x = 1
}

function detached(): Uint8Array {
  const array = new Uint8Array(8)
  structuredClone(array, { transfer: [array.buffer] })
  return array
}

function containing<T extends object>(value: T, add: (value: T) => unknown): T {
  add(value)
  return value
}

describe('refused, with the path', () => {
  const boom = new Error('boom')
  const cases: ReadonlyArray<readonly [name: string, value: unknown, message: string | RegExp]> = [
    ['a function', () => 1, 'value is a function, which cannot be pickled. Python cannot run it: pass plain data.'],
    ['a symbol', [Symbol('s')], 'value[0] is a symbol, which cannot be pickled. Pass its description.'],
    [
      'a Date',
      { a: [0, { b: new Date() }] },
      /^value\.a\[1\]\.b is a Date, which cannot be pickled\. Pass its getTime/,
    ],
    ['a Promise', [Promise.resolve()], /^value\[0\] is a Promise, .*Await it/],
    ['a RegExp', { 'a b': /x/ }, /^value\['a b'\] is a RegExp/],
    ['an Error', new Map([['k', new Error('x')]]), /^value\.get\('k'\) is an Error/],
    ['a class instance', new Map([[1, [new Point()]]]), /^value\.get\(1\)\[0\] is a Point/],
    ['a boxed number', [new Number(1)], /^value\[0\] is a Number/],
    ['a WeakMap', new WeakMap(), /^value is a WeakMap/],
    ['a Float64Array', [new Float64Array(1)], /^value\[0\] is a Float64Array, .*Pass a Uint8Array of its memory/],
    ['a DataView', new DataView(new ArrayBuffer(1)), /^value is a DataView/],
    ['an ArrayBuffer', new ArrayBuffer(1), /^value is an ArrayBuffer/],
    ['a detached array', [detached()], /^value\[0\] is a detached array, .*transferred away/],
    [
      'an object as a key',
      new Map([[{}, 1]]),
      /^value\.<key 0> is an Object in a key.*Python accepts only immutable keys/,
    ],
    ['a Map in a tuple in a key', new Map([[[1, new Map()], 1]]), /^value\.<key 0>\[1\] is a Map in a key/],
    ['an object in a Set', [new Set([1, { a: 1 }])], /^value\[0\]\.<item 1> is an Object in a key/],
    ['a ByteArray in a Set', new Set([new ByteArray(1)]), /^value\.<item 0> is a ByteArray in a key/],
    ['a value below an object key', new Map([[[1], Symbol('s')]]), /^value\.<value 0> is a symbol/],
    ['a tuple in itself', containing(new Tuple(), (tuple) => tuple.push([tuple], tuple)), /^value.* contains itself/],
    ['a set in itself', containing(new Set(), (set) => set.add([set])), /^value.* contains itself/],
    [
      'a list as its own key',
      containing<unknown[]>([], (list) => list.push(new Set([list]))),
      /contains itself|in a key/,
    ],
    [
      'true and 1 as keys',
      new Map<unknown, unknown>([
        [1, 1],
        [true, 2],
      ]),
      'value has the keys 1 and true, which are equal in Python: one would be lost. Use strings.',
    ],
    ['false and 0 in a Set', [new Set([false, 0])], /^value\[0\] has the keys false and 0, /],
    ['5n and 5', new Set([5n, 5]), /the keys 5 and 5/],
    ['a Float and an int', new Set([new Float(2), 2]), /the keys 2 and 2/],
    [
      '2 ** 60 as a float and as an int',
      new Set([2 ** 60, 2n ** 60n]),
      /the keys 1152921504606847000 and 1152921504606846976/,
    ],
    [
      'a path of 100 steps',
      Array.from({ length: 100 }).reduce((inner) => [inner], Symbol('s')),
      /^value(\[0\]){10} \.\.\. (\[0\]){10} is a symbol/,
    ],
  ]
  for (const [name, value, message] of cases) {
    test(name, () =>
      assert.throws(() => pickle.encode(value), { name: 'UsageError', code: 'ERR_CANNOT_CLONE', message }),
    )
  }

  test('a getter that throws, with its error as the cause', () => {
    const value = { a: [{ get b() { throw boom } }] } // biome-ignore format: one line says it
    assert.throws(
      () => pickle.encode(value),
      (error: unknown) => {
        assert.ok(error instanceof UsageError)
        assert.equal(error.message, 'value.a[0].b cannot be read: it threw "boom". Pass plain data.')
        assert.equal(error.cause, boom)
        return true
      },
    )
  })

  test('a Proxy whose traps throw', () => {
    const proxy = new Proxy({}, { ownKeys: () => { throw boom } }) // biome-ignore format: one line says it
    assert.throws(() => pickle.encode([1, proxy]), {
      code: 'ERR_CANNOT_CLONE',
      message: /^value\[1\] cannot be read: it threw "boom"/,
    })
  })
})

describe('written', () => {
  test('numbers: whole ones as int where both sides are exact, others as float', () => {
    const values = [0, -0, 1, -1, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 0.5, Number.NaN, Number.POSITIVE_INFINITY]
    const isFloat = (exactBack(values) as unknown[]).map((value) => value instanceof Float)
    assert.deepEqual(isFloat, [false, true, false, false, false, true, true, true, true, true])
  })

  test('a Float stays one', () => {
    assert.deepStrictEqual(exactBack([new Float(1), new Float(-0)]), [new Float(1), new Float(-0)])
    assert.deepStrictEqual(back(new Float(1)), 1)
  })

  test('undefined and holes as None', () => {
    assert.deepStrictEqual(back([undefined, ...new Array(1), { a: undefined }]), [null, null, { a: null }])
  })

  test('an Array as a list, in a key as a tuple; a Set as a set, in a key as a frozenset', () => {
    const list = [1]
    const value = exactBack([list, new Set([list, new Set([2])]), new Map([[list, list]])])
    const one = Tuple.of(1)
    assert.deepStrictEqual(value, [[1], new Set<unknown>([one, new FrozenSet([2])]), new Map([[one, [1]]])])
  })

  test('objects of other realms, without prototype, and Proxies of plain data', () => {
    assert.deepStrictEqual(back(runInNewContext('({ a: [new Map([[1, 2]]), new Uint8Array([3])] })')), {
      a: [new Map([[1, 2]]), new Uint8Array([3])],
    })
    assert.deepStrictEqual(back(Object.assign(Object.create(null), { a: 1 })), { a: 1 })
    assert.deepStrictEqual(back(new Proxy([new Proxy({ a: 1 }, {})], {})), [{ a: 1 }])
  })

  test('not: properties by symbol, inherited ones, and those of an Array that are no items', () => {
    const value = { [Symbol('s')]: 1, a: 1 }
    assert.deepStrictEqual(back(value), { a: 1 })
    assert.deepStrictEqual(back(Object.assign([1], { name: 'x' })), [1])
  })

  test('a part of a larger memory only', () => {
    const memory = new Uint8Array([1, 2, 3, 4])
    assert.deepStrictEqual(back(memory.subarray(1, 3)), new Uint8Array([2, 3]))
    assert.deepStrictEqual(back(Buffer.from('abc')), new Uint8Array([97, 98, 99]))
  })

  test('an Array that its getters change, with the length it had', () => {
    const longer: unknown[] = []
    Object.defineProperty(longer, 0, { get: () => longer.push(1), enumerable: true })
    longer.length = 2
    assert.deepStrictEqual(back(longer), [3, null])
    const shorter: unknown[] = [0, 1, 2, 3]
    Object.defineProperty(shorter, 0, { get: () => (shorter.length = 1), enumerable: true })
    assert.deepStrictEqual(back(shorter), [1, null, null, null])
  })

  test('shared references and cycles, by identity', () => {
    const shared = { a: 1 }
    const bytes = new Uint8Array([1])
    const [one, two, three, four] = back([shared, shared, bytes, bytes]) as unknown[]
    assert.equal(one, two)
    assert.equal(three, four)
    const value = back(containing<Record<string, unknown>>({ list: [] }, (own) => (own.self = own))) as typeof shared
    assert.equal((value as unknown as { self: unknown }).self, value)
  })

  test('a tuple in a list in itself', () => {
    const list: unknown[] = []
    const tuple = Tuple.of<unknown>(list, 1, list)
    list.push(tuple, [tuple])
    const value = exactBack(tuple) as unknown[]
    assert.ok(value instanceof Tuple)
    const inner = value[0] as unknown[]
    assert.equal(value[2], inner)
    assert.equal(inner[0], value)
    assert.equal((inner[1] as unknown[])[0], value)
  })

  test('more than 256 notes, and names that come again', () => {
    const rows = Array.from({ length: 400 }, (_, index) => ({ name: `n${index}`, [`k${index}`]: [index] }))
    assert.deepStrictEqual(back([...rows, ...rows]), [...rows, ...rows])
    assert.ok(pickle.encode(Array.from({ length: 1000 }, () => ({ aLongPropertyName: 1 }))).length < 10_000)
  })

  test('more bytes than fit are refused', () => {
    const message = /^value has more than the 2147483647 bytes/
    // Never touched, so no memory is behind it.
    const value = [new Uint8Array(2 ** 31 - 1)]
    assert.throws(() => pickle.encode(value), { code: 'ERR_CANNOT_CLONE', message })
  })
})
