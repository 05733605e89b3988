// Runs in: the test process. Options are checked once, by name and by value, and a refusal says what to write instead.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { UsageError } from '#src/errors.js'
import {
  abortSignal,
  anything,
  boolean,
  type Check,
  callback,
  checkOptions,
  either,
  environment,
  instance,
  integer,
  invalidOption,
  listOf,
  MAX_MILLISECONDS,
  milliseconds,
  nested,
  object,
  oneOf,
  string,
  stringOrUrl,
} from '#src/options/option-checks.js'
import { reference } from '#src/owner/naming/reference-check.js'
import { remote } from '#src/owner/naming/remote.js'

interface Limits {
  memory?: number
  cpuSeconds?: number
}

interface StartOptions {
  preload?: readonly (string | URL)[]
  timeout?: number
  silent?: boolean
  limits?: Limits
}

const checks = {
  preload: listOf(stringOrUrl),
  timeout: milliseconds,
  silent: boolean,
  limits: nested<Limits>({ memory: integer(1), cpuSeconds: integer(1, 1000) }),
}

function start(options: unknown): StartOptions {
  return checkOptions<StartOptions>('ForkServer.start()', options, checks)
}

function refusalOf(run: () => unknown): UsageError {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error))
    return error
  }
  return assert.fail('it was accepted')
}

function messageOf(options: unknown): string {
  return refusalOf(() => start(options)).message
}

/** What a single check says to a value. */
function tried(check: Check, value: unknown): unknown {
  return checkOptions<{ it?: unknown }>('f()', { it: value }, { it: check }).it
}

describe('checkOptions()', () => {
  test('takes nothing, and leaves out what is undefined', () => {
    for (const options of [undefined, {}, { timeout: undefined }, Object.create(null)]) {
      const checked = start(options)
      assert.deepStrictEqual(Object.keys(checked), [])
      assert.equal(Object.getPrototypeOf(checked), null)
    }
  })

  test('returns a copy that later changes do not reach', () => {
    const options = { preload: ['a'], limits: { memory: 5 }, silent: false }
    const checked = start(options)
    options.preload.push('b')
    options.limits.memory = -1
    options.silent = true
    assert.deepStrictEqual(
      { ...checked, limits: { ...checked.limits } },
      { preload: ['a'], limits: { memory: 5 }, silent: false },
    )
    assert.ok(Object.isFrozen(checked.preload))
  })

  test('looks at own properties only, so a polluted prototype sets nothing', () => {
    assert.equal(start(Object.create({ timeout: -1, unknown: 1 })).timeout, undefined)
  })

  test('reads every option once', () => {
    let reads = 0
    start({
      get timeout() {
        return ++reads
      },
    })
    assert.equal(reads, 1)
  })

  test('refuses what is no object', () => {
    for (const options of [null, 1, 'x', true, [], () => 1, Symbol('s')]) {
      const error = refusalOf(() => start(options))
      assert.equal(error.code, 'ERR_INVALID_ARGUMENT')
    }
    assert.equal(messageOf([1]), 'The options of ForkServer.start() must be an object, not [ 1 ].')
    assert.equal(messageOf(null), 'The options of ForkServer.start() must be an object, not null.')
  })

  test('refuses unknown names, with the nearest known one', () => {
    const error = refusalOf(() => start({ preloads: [] }))
    assert.equal(error.code, 'ERR_UNKNOWN_OPTION')
    assert.equal(error.message, "Unknown option 'preloads' of ForkServer.start(). Did you mean 'preload'?")
    assert.match(messageOf({ timeOut: 1 }), /Did you mean 'timeout'\?$/)
    assert.match(messageOf({ preloads: undefined }), /^Unknown option 'preloads'/, 'even where it is undefined')
  })

  test('and lists the known ones where none is near', () => {
    const text = "Unknown option 'colour' of ForkServer.start(). There is 'preload', 'timeout', 'silent', 'limits'."
    assert.equal(messageOf({ colour: 1 }), text)
    assert.match(messageOf({ x: 1 }), /There is/)
    const none = refusalOf(() => checkOptions<object>('f()', { x: 1 }, {}))
    assert.equal(none.message, "Unknown option 'x' of f(). It takes no options.")
  })

  test('knows no option by inheritance', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      const options = Object.defineProperty({}, name, { value: 1, enumerable: true })
      assert.equal(refusalOf(() => start(options)).code, 'ERR_UNKNOWN_OPTION')
    }
  })

  test('names nested options by their path', () => {
    assert.equal(
      messageOf({ limits: { memroy: 1 } }),
      "Unknown option 'limits.memroy' of ForkServer.start(). Did you mean 'limits.memory'?",
    )
    assert.equal(
      messageOf({ limits: { cpuSeconds: 0.5 } }),
      "Option 'limits.cpuSeconds' of ForkServer.start() must be an integer from 1 to 1000, not 0.5.",
    )
    assert.equal(messageOf({ limits: 5 }), "Option 'limits' of ForkServer.start() must be an object, not 5.")
    assert.equal(
      messageOf({ preload: ['a', 7] }),
      "Option 'preload[1]' of ForkServer.start() must be a string or a URL, not 7.",
    )
  })

  test('says what was given, briefly', () => {
    const long = messageOf({ timeout: 'x'.repeat(1000) })
    assert.ok(long.length < 250, long)
    assert.match(messageOf({ timeout: () => 1 }), /not a function\.$/)
    assert.match(messageOf({ timeout: { a: { b: 1 } } }), /not \{ a: \[Object\] \}\.$/)
  })

  test('property: takes known names only, whatever the object', () => {
    const { limits: _, ...flat } = checks
    const known = Object.keys(flat)
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...known)), fc.anything()), (options) => {
        const unknown = Object.keys(options).find((name) => !known.includes(name))
        try {
          checkOptions<Omit<StartOptions, 'limits'>>('f()', options, flat)
          assert.equal(unknown, undefined)
        } catch (error) {
          assert.ok(error instanceof UsageError)
          if (error.code !== 'ERR_INVALID_OPTION') assert.equal(error.code, 'ERR_UNKNOWN_OPTION')
          if (error.code === 'ERR_UNKNOWN_OPTION') assert.notEqual(unknown, undefined)
        }
      }),
    )
  })
})

describe('checks', () => {
  class Server {}
  const server = new Server()
  const noop = () => undefined
  const url = new URL('file:///a.js')
  const { signal } = new AbortController()
  const render = remote<{ render(): void }>('jobs').render
  const one = Symbol('anything')

  const rows: Array<[name: string, check: Check, good: unknown[], bad: unknown[], must: RegExp]> = [
    ['integer(1, 8)', integer(1, 8), [1, 8], [0, 9, 1.5, NaN, Infinity, '1', 1n, null], /an integer from 1 to 8/],
    ['integer(0)', integer(0), [0, -0, 2 ** 53 - 1], [-1, 2 ** 53], /an integer of at least 0/],
    [
      'milliseconds',
      milliseconds,
      [0.5, 1, MAX_MILLISECONDS],
      [0, -1, NaN, Infinity, MAX_MILLISECONDS + 1, '5s'],
      /milliseconds/,
    ],
    ['boolean', boolean, [true, false], [0, 'true', null], /true or false/],
    ['oneOf', oneOf(['fork', 'spawn']), ['fork', 'spawn'], ['Fork', '', null], /one of 'fork', 'spawn'/],
    ['oneOf one', oneOf([true]), [true], [false, 1], / must be true,/],
    ['string', string, ['a', ' '], ['', 'a\0b', 1, null, new String('a')], /a string that is not empty/],
    ['stringOrUrl', stringOrUrl, ['a', url], ['', 'a\0', { href: 'a' }, null], /a string or a URL/],
    ['object', object, [server, {}], [null, [], noop, 1], /an object/],
    ['abortSignal', abortSignal, [signal], [{}, { aborted: false }, new EventTarget(), null], /an AbortSignal/],
    ['reference', reference, [render], [{ module: 'a', name: 'b' }, noop, null], /made by remote\(\)/],
    ['callback', callback, [noop, Server], [{}, null, render], /a function/],
    ['instance', instance(Server, 'a Server'), [server], [{}, Server, null], /a Server/],
    ['anything', anything, [null, 0, one, noop], [], /./],
    [
      'either',
      either<unknown>('a string or a number', string, integer(0)),
      ['a', 1],
      ['', -1, null],
      /a string or a number/,
    ],
  ]
  for (const [name, check, good, bad, must] of rows) {
    test(name, () => {
      for (const value of good) assert.equal(tried(check, value), value)
      for (const value of bad) {
        const error = refusalOf(() => tried(check, value))
        assert.equal(error.code, 'ERR_INVALID_OPTION')
        assert.match(error.message, /^Option 'it' of f\(\) must be /)
        assert.match(error.message, must)
      }
    })
  }

  test('listOf checks holes too', () => {
    assert.deepStrictEqual(tried(listOf(string), []), [])
    assert.match(refusalOf(() => tried(listOf(string), new Array(1))).message, /^Option 'it\[0\]' .*, not undefined\.$/)
    assert.match(refusalOf(() => tried(listOf(string), 'ab')).message, /must be an array, not 'ab'/)
    assert.match(refusalOf(() => tried(listOf(string), new Set(['a']))).message, /must be an array/)
  })

  test('environment takes strings, and undefined for what is to be removed', () => {
    const copy = tried(environment, { PATH: '/bin', EMPTY: '', HOME: undefined }) as object
    assert.deepStrictEqual({ ...copy }, { PATH: '/bin', EMPTY: '', HOME: undefined })
    assert.equal(Object.getPrototypeOf(copy), null)
    assert.deepStrictEqual({ ...(tried(environment, process.env) as object) }, { ...process.env })
    assert.match(
      refusalOf(() => tried(environment, { PORT: 80 })).message,
      /^Option 'it\.PORT' of f\(\) must be a string or undefined, not 80\.$/,
    )
    assert.match(refusalOf(() => tried(environment, { A: null })).message, /not null/)
    assert.match(refusalOf(() => tried(environment, { A: 'a\0b' })).message, /without NUL bytes/)
    for (const name of ['', 'A=B', 'A\0']) {
      assert.match(
        refusalOf(() => tried(environment, { [name]: 'x' })).message,
        /names that are not empty, without '=' and NUL bytes/,
      )
    }
  })

  test('either lets foreign errors through', () => {
    const broken: Check = () => {
      throw new RangeError('not a refusal')
    }
    assert.throws(() => tried(either('x', broken), 1), RangeError)
  })

  test('a check of your own uses invalidOption()', () => {
    const even: Check<number> = (value, site) => {
      if (typeof value === 'number' && value % 2 === 0) return value
      throw invalidOption(site, 'even', value)
    }
    assert.equal(tried(even, 2), 2)
    assert.equal(refusalOf(() => tried(even, 3)).message, "Option 'it' of f() must be even, not 3.")
  })
})
