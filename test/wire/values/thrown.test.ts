// Runs in: the test process. What a job threw arrives as it was: class, name, message, code, cause, properties.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { types } from 'node:util'
import vm from 'node:vm'
import * as errors from '#src/errors.js'
import { decodeValue, encodeValue } from '#src/wire/values/clone.js'
import { decodeThrown, encodeThrown, type ThrownData } from '#src/wire/values/thrown.js'

/** The whole way: described, encoded, decoded, rebuilt. */
function travel<T>(thrown: T): T {
  return decodeThrown(decodeValue(encodeValue(encodeThrown(thrown), 'thrown')) as ThrownData) as T
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
      new errors.TemplateError('ERR_UNFORKABLE', 'm', {
        findings: [{ module: null, what: 'a thread', severity: 'impossible' }],
      }),
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
    assert.match(copy.request as string, /url: '\/a'[\s\S]*Promise/)
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
