// Runs in: the test process. Nothing that can be thrown makes the report of it fail, and no report makes its reader
// crash.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { types } from 'node:util'
import fc from 'fast-check'
import { ProtocolError } from '#src/errors.js'
import { decodeValue, encodeValue } from '#src/wire/values/clone.js'
import { decodeThrown, encodeThrown, type ThrownData } from '#src/wire/values/thrown.js'

/** The whole way: described, encoded, decoded, rebuilt. */
function travel<T>(thrown: T): T {
  return decodeThrown(decodeValue(encodeValue(encodeThrown(thrown), 'thrown')) as ThrownData) as T
}

const builtIns = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]

describe('nothing that is thrown makes encodeThrown() throw', () => {
  const refuse = () => {
    throw new Error('refused')
  }
  const everyTrap = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, refuse]))

  function endless(): object {
    return new Proxy(new Error('endless'), {
      getPrototypeOf: () => endless(),
      get: (_target, key) => (key === 'cause' ? endless() : undefined),
    })
  }

  const hostile: Array<[string, () => unknown]> = [
    ['a Proxy that refuses everything', () => new Proxy({}, everyTrap)],
    ['a Proxy of an error that refuses everything', () => new Proxy(new Error('x'), everyTrap)],
    ['a Proxy of a function that refuses everything', () => new Proxy(() => 1, everyTrap)],
    [
      'a revoked Proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
        revoke()
        return proxy
      },
    ],
    ['an error with a hostile prototype', () => Object.setPrototypeOf(new Error('x'), new Proxy({}, everyTrap))],
    ['an error without a prototype', () => Object.setPrototypeOf(new Error('x'), null)],
    ['an endless chain of prototypes and causes', endless],
    ['a cause that is a hostile Proxy', () => new Error('x', { cause: new Proxy({}, everyTrap) })],
    ['an array that is a hostile Proxy', () => new Proxy([new Error('x')], everyTrap)],
    [
      'errors whose iterator never ends',
      () => {
        const error = new AggregateError([new Error('a')])
        error.errors[Symbol.iterator] = function* () {
          for (;;) yield 1
        }
        error.errors.some = refuse
        return error
      },
    ],
    ['custom inspection that throws', () => ({ f() {}, [Symbol.for('nodejs.util.inspect.custom')]: refuse })],
    [
      'toString, toJSON and toPrimitive that throw',
      () => ({ f() {}, toString: refuse, toJSON: refuse, [Symbol.toPrimitive]: refuse }),
    ],
    [
      'a tag and a constructor that throw',
      () =>
        Object.defineProperties({ f() {} }, { [Symbol.toStringTag]: { get: refuse }, constructor: { get: refuse } }),
    ],
    [
      'a value nested too deeply',
      () => {
        let list: unknown[] = []
        for (let depth = 0; depth < 100_000; depth++) list = [list]
        return list
      },
    ],
  ]
  for (const [name, make] of hostile) {
    test(name, () => {
      const thrown = make()
      const copy = travel(thrown)
      if (types.isNativeError(thrown)) assert.ok(copy instanceof Error)
    })
  }

  test('getters that throw leave a readable error', () => {
    const error = new TypeError('x')
    for (const key of ['stack', 'name', 'message', 'cause', 'code', 'extra']) {
      Object.defineProperty(error, key, { get: refuse, enumerable: true })
    }
    const copy = travel(error) as Error & { extra: unknown }
    assert.ok(copy instanceof TypeError)
    assert.match(String(copy.extra), /^\[cannot be read: Error: refused/)
    assert.equal(typeof copy.stack, 'string')
  })

  test('a hostile property costs only itself', () => {
    const revoked = Proxy.revocable([], {})
    revoked.revoke()
    for (const value of [new Proxy({}, everyTrap), new Proxy([], everyTrap), revoked.proxy]) {
      const copy = travel(Object.assign(new TypeError('x'), { value, code: 'E_X' }))
      assert.ok(copy instanceof TypeError)
      assert.equal(copy.code, 'E_X')
      assert.equal(typeof copy.value, 'string')
    }
  })

  test('a report has a bound: many long texts are cut', () => {
    const text = 'x'.repeat(17 * 2 ** 20)
    const fields = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, text]))
    const bytes = encodeValue(encodeThrown(Object.assign(new Error('x'), fields)), 'thrown')
    assert.ok(bytes.length < 300 * 2 ** 20)
    assert.match(
      (travel(Object.assign(new Error('x'), { text })) as { text: string }).text,
      /^x+\.\.\. \(1048576 more characters\)$/,
    )
  })

  test('property: errors built of anything travel, and stay errors', () => {
    const traps = fc.dictionary(
      fc.constantFrom(...Object.getOwnPropertyNames(Reflect)),
      fc.constantFrom(
        refuse,
        () => null,
        () => [],
      ),
    )
    // Each is made late, as fast-check itself looks at its values, which not all of these survive.
    const part: fc.Arbitrary<() => unknown> = fc.oneof(
      fc
        .anything({ withBigInt: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true })
        .map((value) => () => value),
      fc.constantFrom<unknown>(() => 1, Symbol('s'), new WeakMap(), new Error('plain')).map((value) => () => value),
      traps.map((handler) => () => new Proxy({}, handler)),
      traps.map((handler) => () => new Proxy(new Error('behind'), handler)),
    )
    const keys = fc.oneof(
      fc.constantFrom('name', 'message', 'stack', 'cause', 'errors', 'code', '__proto__'),
      fc.string(),
    )
    const field = fc.record({
      key: keys,
      value: part,
      isGetter: fc.boolean(),
      isBad: fc.boolean(),
      enumerable: fc.boolean(),
    })
    const Class = fc.constantFrom(...builtIns, class Own extends RangeError {})
    fc.assert(
      fc.property(Class, fc.array(field, { maxLength: 8 }), fc.boolean(), (Made, fields, isCircle) => {
        const error = new Made('m')
        void error.stack // Node 20 formats it at the first touch, with toString(), which shall not be what fails here
        for (const { key, value: make, isGetter, isBad, enumerable } of fields) {
          const how = isGetter ? { get: isBad ? refuse : make } : { value: make() }
          if (Object.getOwnPropertyDescriptor(error, key)?.configurable !== false) {
            Object.defineProperty(error, key, { ...how, enumerable, configurable: true })
          }
        }
        if (isCircle) Object.defineProperty(error, 'cause', { value: [error, { error }], configurable: true })
        const copy = travel(error)
        assert.ok(types.isNativeError(copy))
        assert.equal(typeof copy.stack, 'string')
        assert.ok(Made.name === 'Own' ? copy instanceof RangeError : copy instanceof Made)
      }),
      { numRuns: 1000 },
    )
    fc.assert(
      fc.property(part, (make) => void travel(make())),
      { numRuns: 1000 },
    )
  })
})

describe('a report that encodeThrown() did not make', () => {
  test('is a protocol error', () => {
    const record = { class: 'Error', name: 'Error', message: '', stack: '', fields: [] }
    const reports: unknown[] = [undefined, null, 1, {}, { root: {}, errors: [] }, { root: { error: 0 }, errors: [] }]
    reports.push({ root: { error: 5 }, errors: [record] }, { root: { error: 0 }, errors: [{ ...record, fields: 1 }] })
    for (const report of reports) {
      assert.throws(
        () => decodeThrown(report as ThrownData),
        (error) => error instanceof ProtocolError,
      )
    }
  })

  test('a value that cannot be rebuilt does not spoil the rest', () => {
    const fields: Array<[string, { bytes: Uint8Array }, boolean]> = [['detail', { bytes: Buffer.from('junk') }, true]]
    const record = { class: 'TypeError', name: 'TypeError', message: 'm', stack: 's', fields }
    const copy = decodeThrown({ root: { error: 0 }, errors: [record] }) as TypeError & { detail: unknown }
    assert.ok(copy instanceof TypeError)
    assert.match(String(copy.detail), /^\[cannot be rebuilt: /)
  })
})
