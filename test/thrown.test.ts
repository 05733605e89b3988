// Runs in: the test process. What a job threw arrives as it was, and nothing that can be thrown makes the report fail.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { types } from 'node:util'
import vm from 'node:vm'
import fc from 'fast-check'
import { decodeValue, encodeValue } from '#src/clone.js'
import * as errors from '#src/errors.js'
import { type DecodeThrownOptions, decodeThrown, encodeThrown, type ThrownData } from '#src/thrown.js'

/** The whole way: described, encoded, decoded, rebuilt. */
function travel<T>(thrown: T, options?: DecodeThrownOptions): T {
  return decodeThrown(decodeValue(encodeValue(encodeThrown(thrown), 'thrown')) as ThrownData, options) as T
}

function thrownBy(run: () => unknown): Error & Record<string, unknown> {
  try {
    run()
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  return assert.fail('nothing was thrown')
}

function assertHidden(error: object, ...keys: string[]): void {
  for (const key of keys) {
    const descriptor = Object.getOwnPropertyDescriptor(error, key)
    assert.equal(descriptor?.enumerable, false, key)
    assert.equal(descriptor?.writable, true, key)
  }
}

const builtIns = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]

describe('classes', () => {
  for (const Class of builtIns) {
    test(Class.name, () => {
      const error = new Class('bad', { cause: { a: [1n] } })
      const copy = travel(error)
      assert.ok(copy instanceof Class)
      assert.ok(types.isNativeError(copy))
      assert.deepStrictEqual(copy, error)
      assert.deepStrictEqual(Reflect.ownKeys(copy).sort(), ['cause', 'message', 'stack'])
      assert.equal(copy.stack, error.stack)
      assertHidden(copy, 'stack', 'message', 'cause')
    })
  }

  test('a subclass comes back as its built-in class, under its own name', () => {
    class Missing extends TypeError {
      override name = 'Missing'
      readonly key = 'k'
    }
    const copy = travel(new Missing('gone'))
    assert.ok(copy instanceof TypeError)
    assert.deepStrictEqual({ ...copy }, { name: 'Missing', key: 'k' })
    assert.match(String(copy), /^Missing: gone$/)
  })

  test('a name, message, code or cause on the prototype becomes the own, hidden one', () => {
    class Coded extends RangeError {
      get code() {
        return 'E_CODED'
      }
      override get message() {
        return 'computed'
      }
      override get cause() {
        return new Error('inner')
      }
    }
    Object.defineProperty(Coded.prototype, 'name', { value: 'Coded' })
    const copy = travel(new Coded())
    assert.equal(Object.prototype.toString.call(copy), '[object Error]')
    assert.equal(String(copy), 'Coded: computed')
    assert.equal(copy.code, 'E_CODED')
    assert.ok(copy.cause instanceof Error)
    assertHidden(copy, 'name', 'message', 'code', 'cause')
  })

  test('a subclass that never set its name has the name it inherited', () => {
    const copy = travel(new (class Quiet extends TypeError {})('x'))
    assert.equal(copy.name, 'TypeError')
    assert.equal(Object.hasOwn(copy, 'name'), false)
  })

  test('an error without a message has none', () => {
    assert.equal(Object.hasOwn(travel(new Error()), 'message'), false)
    assert.equal(travel(Object.assign(new Error(), { message: 42 }) as unknown as { message: number }).message, 42)
  })

  test('AggregateError, with errors inside that are complete', () => {
    const inner = Object.assign(new RangeError('one', { cause: 1 }), { code: 'E_ONE' })
    const copy = travel(new AggregateError([inner, 'two', inner], 'both'))
    assert.ok(copy instanceof AggregateError)
    assertHidden(copy, 'errors')
    assert.deepStrictEqual(copy.errors, [inner, 'two', inner])
    assert.equal(copy.errors[0], copy.errors[2])
    assert.deepStrictEqual(travel(new AggregateError([])).errors, [])
  })

  test('SuppressedError, where it exists', { skip: !('SuppressedError' in globalThis) }, () => {
    const Suppressed = (globalThis as unknown as { SuppressedError: new (...args: unknown[]) => Error }).SuppressedError
    const copy = travel(new Suppressed(new TypeError('a'), new RangeError('b'), 'm')) as Error & Record<string, unknown>
    assert.ok(copy instanceof Suppressed)
    assert.ok(copy.error instanceof TypeError)
    assert.ok(copy.suppressed instanceof RangeError)
  })

  test('a class that only the other side has leaves its name', () => {
    const record = { class: 'FutureError', name: 'FutureError', message: 'm', stack: 's', fields: [] }
    const copy = decodeThrown({ root: { error: 0 }, errors: [record] })
    assert.ok(copy instanceof Error)
    assert.equal(String(copy), 'FutureError: m')
  })

  test('DOMException, with name and code', () => {
    const error = new DOMException('stop', 'AbortError')
    const copy = travel(error)
    assert.ok(copy instanceof DOMException)
    assert.deepStrictEqual([copy.name, copy.message, copy.code], ['AbortError', 'stop', 20])
    assert.equal(copy.stack, error.stack)
    assert.ok(travel(thrownBy(() => AbortSignal.abort().throwIfAborted())) instanceof DOMException)
    assert.equal(travel(Object.create(DOMException.prototype)) instanceof DOMException, true)
  })

  test("forkserver's own", () => {
    const cause = new errors.UsageError('ERR_NOT_EXPORTED', 'no such function')
    const all = [
      cause,
      new errors.ForkServerError('ERR_PROTOCOL', 'm'),
      new errors.AuthError('ERR_AUTH_REFUSED', 'm', { cause }),
      new errors.ChildError('ERR_CHILD_DIED', 'm', { pid: 7, signal: 'SIGKILL' }),
      new errors.TemplateError('ERR_UNFORKABLE', 'm', { reasons: ['a thread'] }),
      new errors.ProtocolError('ERR_PROTOCOL', 'm'),
      new errors.ResourceError('ERR_RESOURCE', 'm', { errno: 'EMFILE' }),
    ]
    for (const error of all) {
      const copy = travel(error)
      assert.deepStrictEqual(copy, error)
      assert.equal(copy.constructor, error.constructor)
      assert.equal(Object.hasOwn(copy, 'name'), false)
    }
  })

  test("Node's own", () => {
    const missing = thrownBy(() => readFileSync('/does/not/exist'))
    assert.deepStrictEqual(travel(missing), missing)
    const wrong = thrownBy(() => Buffer.alloc('x' as never))
    const copy = travel(wrong)
    assert.ok(copy instanceof TypeError)
    assert.equal(copy.code, 'ERR_INVALID_ARG_TYPE')
    const unequal = thrownBy(() => assert.deepStrictEqual({ a: 1 }, { a: 2 }))
    assert.deepStrictEqual(travel(unequal).expected, { a: 2 })
    assert.equal(travel(unequal).name, 'AssertionError')
  })

  test('errors of another realm', () => {
    const error = thrownBy(() => vm.runInNewContext('null.x'))
    assert.equal(error instanceof Error, false)
    const copy = travel(error)
    assert.ok(copy instanceof TypeError)
    assert.equal(copy.message, error.message)
    assert.ok(travel(vm.runInNewContext('new (class Own extends RangeError {})')) instanceof RangeError)
    assert.ok(travel(vm.runInNewContext('Object.setPrototypeOf(new RangeError("x"), null)')) instanceof Error)
  })

  test('errors made without `new`: by inheritance of old, and behind a Proxy', () => {
    function Old(this: Error) {
      this.message = 'old'
    }
    Old.prototype = Object.create(TypeError.prototype, { name: { value: 'Old' } })
    const copy = travel(new (Old as unknown as new () => Error)())
    assert.ok(copy instanceof TypeError && types.isNativeError(copy))
    assert.equal(String(copy), 'Old: old')
    assert.equal(copy.stack, 'Old: old')
    assert.equal(travel(new Proxy(new RangeError('behind'), {})) instanceof RangeError, true)
  })
})

describe('properties', () => {
  test('own enumerable ones are kept, those named by symbols are not', () => {
    const error = Object.assign(new Error('x'), {
      code: 'E_X',
      when: new Date(0),
      map: new Map([[1, { a: -0 }]]),
      [Symbol('s')]: 1,
    })
    Object.defineProperty(error, 'internal', { value: 1, enumerable: false })
    Object.defineProperty(error, '__proto__', { value: { polluted: true }, enumerable: true })
    const copy = travel(error)
    assert.deepStrictEqual(Object.keys(copy), ['code', 'when', 'map', '__proto__'])
    assert.deepStrictEqual(copy.map, error.map)
    assert.equal('polluted' in copy, false)
    assert.equal('internal' in copy, false)
  })

  test('what cannot be cloned becomes text, and the rest stays', () => {
    const error = Object.assign(new Error('x'), {
      code: 'E_X',
      retry() {},
      tag: Symbol('t'),
      request: { url: '/a', done: Promise.resolve() },
      get lazy() {
        return 'read once'
      },
    })
    Object.defineProperty(error, 'bad', { get: () => assert.fail('no!'), enumerable: true })
    const copy = travel(error) as unknown as Record<string, unknown>
    assert.equal(copy.code, 'E_X')
    assert.equal(copy.retry, '[Function: retry]')
    assert.equal(copy.tag, 'Symbol(t)')
    assert.match(copy.request as string, /url: '\/a'[^]*Promise/)
    assert.equal(copy.lazy, 'read once')
    assert.match(copy.bad as string, /^\[cannot be read: AssertionError/)
  })

  test('errors in properties and in lists are errors', () => {
    const detail = Object.assign(new TypeError('d'), { code: 'E_D' })
    const copy = travel(Object.assign(new Error('x'), { detail, details: [detail, { plain: 1 }] }))
    assert.deepStrictEqual(copy.detail, detail)
    assert.equal(copy.details[0], copy.detail)
    assert.deepStrictEqual(copy.details[1], { plain: 1 })
  })

  test('what V8 writes but cannot read back becomes text', () => {
    const module: unknown = vm.runInThisContext(
      'new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))',
    )
    assert.match(String(travel(Object.assign(new Error('x'), { wasm: { module } })).wasm), /Module/)
  })

  test('circles of causes and errors', () => {
    const error = new Error('self')
    error.cause = error
    assert.equal(travel(error).cause === travel(error), false)
    const copy = travel(error)
    assert.equal(copy.cause, copy)
    const all = new AggregateError([], 'all')
    all.errors.push(all, new Error('b', { cause: all }))
    const copied = travel(all)
    assert.equal(copied.errors[0], copied)
    assert.equal(copied.errors[1].cause, copied)
    const list: unknown[] = [error]
    list.push(list)
    assert.equal(typeof (travel(list) as unknown[])[1], nodeKeepsCircularCauses() ? 'object' : 'string')
  })

  test('ten thousand causes', () => {
    let error = new Error('0')
    for (let depth = 1; depth < 20_000; depth++) error = new Error(String(depth), { cause: error })
    let last: unknown = travel(error)
    let depth = 1
    while (last instanceof Error && last.cause !== undefined) [last, depth] = [last.cause, depth + 1]
    assert.equal(depth, 10_001)
    assert.equal(typeof last, 'string', 'the chain ends in text, not in nothing')
  })
})

function nodeKeepsCircularCauses(): boolean {
  return Number(process.versions.node.split('.')[0]) >= 22
}

describe('what is not an error', () => {
  test('comes back as it is', () => {
    const values = [
      undefined,
      null,
      'text',
      '',
      0,
      -0,
      NaN,
      1n,
      true,
      { code: 1 },
      [1, 2],
      new Map([[1, 2]]),
      Buffer.from('b'),
    ]
    for (const value of values) assert.deepStrictEqual(travel<unknown>(value), value)
  })

  test('or as text, where it cannot be cloned', () => {
    assert.equal(
      travel<unknown>(function named() {}),
      '[Function: named]',
    )
    assert.equal(travel<unknown>(Symbol('s')), 'Symbol(s)')
    assert.equal(travel<unknown>({ f() {} }), '{ f: [Function: f] }')
    assert.match(String(travel<unknown>(Promise.resolve(1))), /^Promise/)
  })
})

describe('stacks', () => {
  const ownerStack = 'Error: here\nnot a frame\n    at call (file:///owner.js:1:2)\n    at file:///owner.js:3:4'

  test("the child's, a line between, and the owner's frames", () => {
    const error = new TypeError('bad')
    const copy = travel(error, { ownerStack, where: 'child 815' })
    const between = '    at ---- in child 815, called from ----'
    const frames = '    at call (file:///owner.js:1:2)\n    at file:///owner.js:3:4'
    assert.equal(copy.stack, `${error.stack}\n${between}\n${frames}`)
    assertHidden(copy, 'stack')
    assert.match(travel(error, { ownerStack }).stack ?? '', /\n {4}at ---- in child, called from ----\n/)
  })

  test('every line below the message looks like a frame, and ours like one without a file', () => {
    const stack = travel(new Error('one line'), { ownerStack, where: 'child 815' }).stack ?? ''
    const lines = stack.split('\n').slice(1)
    for (const line of lines) assert.match(line, /^ {4}at /)
    // The pattern by which the usual parsers tell a frame that has a place.
    const between = lines.find((line) => line.includes('called from')) ?? assert.fail()
    assert.doesNotMatch(between, /^\s*at .*(\S+:\d+|\(native\))/)
  })

  test("causes have the child's alone, and no frames mean no line", () => {
    const error = new Error('outer', { cause: new Error('inner') })
    const copy = travel(error, { ownerStack })
    assert.equal((copy.cause as Error).stack, (error.cause as Error).stack)
    assert.equal(travel(error, { ownerStack: 'Error: nothing here' }).stack, error.stack)
    assert.equal(travel(error, { ownerStack: undefined, where: undefined }).stack, error.stack)
  })

  test('a stack that is none is made from name and message', () => {
    const error = new RangeError('far')
    Object.defineProperty(error, 'stack', { value: [1, 2] })
    assert.equal(travel(error).stack, 'RangeError: far')
    Object.defineProperty(error, 'message', { value: '' })
    assert.equal(travel(error).stack, 'RangeError')
  })
})

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
        (error) => error instanceof errors.ProtocolError,
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
