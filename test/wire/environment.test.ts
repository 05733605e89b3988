// Runs in: the test runner. What makes one environment of another.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { changeOf, localeOf, unheeded } from '#src/wire/environment.js'

/** What the child does with a change. */
function applied(base: NodeJS.ProcessEnv, change: ReturnType<typeof changeOf>): NodeJS.ProcessEnv {
  const env = { ...base }
  for (const name of change?.unset ?? []) delete env[name]
  return Object.assign(env, change?.set)
}

function withoutUndefined(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
}

describe('changeOf()', () => {
  test('is undefined where nothing changes', () => {
    assert.equal(changeOf({}, {}), undefined)
    assert.equal(changeOf({ A: '1', B: '' }, { B: '', A: '1' }), undefined)
    assert.equal(changeOf({ A: '1' }, { A: '1', B: undefined }), undefined, 'undefined is not set')
    assert.equal(changeOf({ A: undefined }, {}), undefined, 'nor is it there to be removed')
  })

  test('tells what is new, what is different and what is gone', () => {
    const change = changeOf(
      { same: '1', other: '1', gone: '1', removed: '1' },
      { same: '1', other: '2', added: '', removed: undefined },
    )
    assert.deepEqual(change, { set: { other: '2', added: '' }, unset: ['gone', 'removed'] })
  })

  test('an empty string is a value', () => {
    assert.deepEqual(changeOf({ A: '1' }, { A: '' }), { set: { A: '' }, unset: [] })
    assert.deepEqual(changeOf({ A: '' }, {}), { set: {}, unset: ['A'] })
  })

  test('works on process.env itself, and on objects without a prototype', () => {
    assert.equal(changeOf(process.env, { ...process.env }), undefined)
    assert.equal(changeOf({ ...process.env }, process.env), undefined)
    const wanted: NodeJS.ProcessEnv = Object.assign(Object.create(null), { A: '1' })
    assert.deepEqual(changeOf({}, wanted), { set: { A: '1' }, unset: [] })
  })

  test('property: applied to the one it gives the other', () => {
    const name = fc.constantFrom('A', 'B', 'C', 'PATH', 'toString', 'constructor', 'ä')
    const env = fc.dictionary(name, fc.oneof(fc.constantFrom('', '1', '2'), fc.constant(undefined)))
    fc.assert(
      fc.property(env, env, (base, wanted) => {
        const change = changeOf(base, wanted)
        assert.deepEqual(withoutUndefined(applied(base, change)), withoutUndefined(wanted))
        const isSame =
          JSON.stringify(Object.entries(withoutUndefined(base)).sort()) ===
          JSON.stringify(Object.entries(withoutUndefined(wanted)).sort())
        assert.equal(change === undefined, isSame)
      }),
    )
  })
})

describe('unheeded()', () => {
  test('names what Node reads at its start only, set or gone', () => {
    assert.deepEqual(unheeded({ set: { NODE_OPTIONS: '', TZ: 'UTC' }, unset: ['NODE_DEBUG', 'HOME'] }), [
      'NODE_OPTIONS',
      'NODE_DEBUG',
    ])
    assert.deepEqual(unheeded({ set: { LANG: 'C' }, unset: [] }), [])
  })
})

describe('localeOf()', () => {
  for (const [env, locale] of [
    [{}, 'en_US_POSIX'],
    [{ LANG: 'C.UTF-8' }, 'en_US_POSIX'],
    [{ LANG: 'de_DE.UTF-8' }, 'de_DE'],
    [{ LANG: 'fr', LC_MESSAGES: 'it' }, 'it'],
    [{ LANG: 'fr', LC_ALL: '' }, ''],
    [{ LC_ALL: 'no_NO.UTF-8@nynorsk', LANG: 'fr' }, 'no_NO_NY'],
    [{ LC_ALL: 'hr@euro' }, 'hr__euro'],
    [{ LC_ALL: 'POSIX@x' }, 'en_US_POSIX'],
    [{ LC_ALL: '@'.repeat(100_000) }, ''],
  ] as const)
    test(JSON.stringify(env).slice(0, 60), () => assert.equal(localeOf(env), locale))
})
