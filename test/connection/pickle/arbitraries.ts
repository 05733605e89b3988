// Runs in: the test runner. Random values that pickles carry, for property tests.
import fc from 'fast-check'
import { ByteArray, Float, FrozenSet, Tuple } from '#src/connection/pickle/pickle.js'
import { describe } from './peer.js'

/** Any string, lone surrogates included. */
const text = fc.string({
  unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  maxLength: 12,
})
const int = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 70_000 }),
  fc.constantFrom(2 ** 31, -(2 ** 31), 2 ** 47),
)
const bigInt = fc
  .bigInt({ min: -(2n ** 300n), max: 2n ** 300n })
  .filter((value) => !Number.isSafeInteger(Number(value)))
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => new Uint8Array(array))
const name = fc.oneof(text, fc.constantFrom('a', 'b', '', '__proto__', 'constructor', '0', '1'))
/** NaN is one value here and many in Python; a whole float is an int of another type. */
const fraction = fc.double().filter((value) => !Number.isSafeInteger(value) || Object.is(value, -0))

/** In Python, keys are equal by value: of those that are, one is kept. */
const distinct = <T>(key: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.uniqueArray(key, { selector: (value) => describe(value, true), maxLength: 5 })

function objectOf(entries: ReadonlyArray<readonly [string, unknown]>): object {
  // Not fromEntries() with '__proto__' in it: that makes an own property, as JSON.parse() does, and is what is wanted.
  return Object.fromEntries(entries)
}

/** Values that arrive unchanged, and keys, for which Python accepts only immutable values. */
const plain = fc.letrec((tie) => ({
  key: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    int,
    text,
    fc.constant(null),
    bigInt,
    bytes,
    fc.array(tie('key'), { maxLength: 3 }),
    distinct(tie('key')).map((keys) => new Set(keys)),
  ),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    int,
    bigInt,
    fraction,
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.uniqueArray(fc.tuple(name, tie('value')), { selector: ([key]) => key, maxLength: 5 }).map(objectOf),
    distinct(tie('key')).map((keys) => new Set(keys)),
    // A Map whose keys are all strings arrives as an object.
    fc
      .tuple(distinct(tie('key')), fc.array(tie('value'), { minLength: 5, maxLength: 5 }))
      .map(([keys, values]) => new Map(keys.map((key, index) => [key, values[index]])))
      .filter((map) => [...map.keys()].some((key) => typeof key !== 'string')),
  ),
}))

/** A value that arrives equal. */
export const plainValue: fc.Arbitrary<unknown> = plain.value

const exact = fc.letrec((tie) => ({
  key: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    int,
    text,
    bigInt,
    bytes,
    fraction.filter((value) => value % 1 !== 0).map((value) => new Float(value)),
    fc.array(tie('key'), { maxLength: 3 }).map((items) => Tuple.from(items)),
    distinct(tie('key')).map((keys) => new FrozenSet(keys)),
  ),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    int,
    bigInt,
    fc.double().map((value) => new Float(value)),
    text,
    bytes,
    bytes.map((value) => new ByteArray(value)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => Tuple.from(items)),
    distinct(tie('key')).map((keys) => new Set(keys)),
    distinct(tie('key')).map((keys) => new FrozenSet(keys)),
    fc
      .tuple(distinct(tie('key')), fc.array(tie('value'), { minLength: 5, maxLength: 5 }))
      .map(([keys, values]) => new Map(keys.map((key, index) => [key, values[index]]))),
  ),
}))

/** A value that arrives equal with the option exact. */
export const exactValue: fc.Arbitrary<unknown> = exact.value

/** Lists, dicts and tuples that contain each other in any way, cycles included: nodes, and who contains whom. */
export const graph: fc.Arbitrary<unknown> = fc
  .tuple(
    fc.array(fc.constantFrom('list', 'object', 'map', 'tuple'), { minLength: 1, maxLength: 6 }),
    fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 14 }),
  )
  .map(([kinds, edges]) => {
    const nodes = kinds.map((kind) =>
      kind === 'list' ? [] : kind === 'object' ? {} : kind === 'map' ? new Map() : new Tuple(),
    )
    for (const [index, [from, to]] of edges.entries()) {
      const source = nodes[from % nodes.length]!
      const target = nodes[to % nodes.length]!
      // A tuple holds only what existed before it. In Python a tuple can contain itself only through a list or a dict.
      if (source instanceof Tuple && target instanceof Tuple && to % nodes.length >= from % nodes.length) continue
      if (Array.isArray(source)) source.push(target)
      else if (source instanceof Map) source.set(index, target)
      else Object.assign(source, { [`k${index}`]: target })
    }
    return nodes[0]
  })
