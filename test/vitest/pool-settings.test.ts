// Runs in: the test runner. The options of forkserverPool(), and what vitest gets for them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remote } from 'forkserver'
import { forkserverPool } from 'forkserver/vitest'
import { checkPoolSettings } from '#src/vitest/pool-settings.js'
import { tableOf } from '../rules/sources.js'

test('the defaults', () => {
  assert.deepEqual(checkPoolSettings({}), {
    preload: [],
    warmup: null,
    freezeEnvironment: true,
    wait: false,
    fileTimeout: undefined,
    learn: true,
  })
})

test('what is given', () => {
  const warmup = remote('file:///warmup.js').render!
  const url = new URL('file:///module.js')
  const settings = checkPoolSettings({ preload: ['react', url], warmup, freezeEnvironment: false, fileTimeout: 0.5 })
  assert.deepEqual(settings.preload, ['react', 'file:///module.js'])
  assert.deepEqual(settings.warmup, { module: 'file:///warmup.js', name: 'render' })
  assert.equal(settings.freezeEnvironment, false)
  assert.equal(settings.fileTimeout, 0.5)
  assert.equal(checkPoolSettings({ learn: false }).learn, false)
  assert.deepEqual(checkPoolSettings({ learn: { exclude: ['moment'] } }).learn, { exclude: ['moment'] })
})

const WRONG: readonly [options: object, code: string][] = [
  [{ preloads: [] }, 'ERR_UNKNOWN_OPTION'],
  [{ preload: 'react' }, 'ERR_INVALID_OPTION'],
  [{ preload: [''] }, 'ERR_INVALID_OPTION'],
  [{ preload: ['./setup.js'] }, 'ERR_INVALID_OPTION'],
  [{ warmup: () => {} }, 'ERR_INVALID_OPTION'],
  [{ freezeEnvironment: 'jsdom' }, 'ERR_INVALID_OPTION'],
  [{ wait: 1 }, 'ERR_INVALID_OPTION'],
  [{ fileTimeout: 0 }, 'ERR_INVALID_OPTION'],
  [{ learn: 'no' }, 'ERR_INVALID_OPTION'],
]

for (const [options, code] of WRONG)
  test(`wrong: ${JSON.stringify(options)}`, () => {
    assert.throws(() => forkserverPool(options), { name: 'UsageError', code })
  })

test('docs/VITEST.md lists the options', () => {
  const names = tableOf('docs/VITEST.md', 'option', 'default', 'meaning').map(([name]) => name)
  assert.deepEqual(
    names,
    Object.keys(checkPoolSettings({})).map((name) => `\`${name}\``),
  )
})
