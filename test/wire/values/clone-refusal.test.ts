// Runs in: the test process. A value that cannot be cloned is refused with the path of the part that is to blame.

import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import vm from 'node:vm'
import fc from 'fast-check'
import { UsageError } from '#src/errors.js'
import { encodeValue } from '#src/wire/values/clone.js'
import { MAX_VALUE_BYTES } from '#src/wire/values/clone-refusal.js'

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

describe('a refusal names', () => {
  test('the path', () => {
    const error = refusalOf([{ a: { b() {} } }])
    const text =
      'arguments[0].a.b is a function, which cannot be cloned. ' +
      'Pass plain data, and let the child import the function from its module.'
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
