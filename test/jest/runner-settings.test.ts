// Runs in: the test runner. The options of forkserver/jest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ForkserverTestRunner, { type ForkserverRunnerOptions } from 'forkserver/jest'
import { checkRunnerOptions } from '#src/jest/runner-settings.js'
import { tableOf } from '../rules/sources.js'
import { GLOBAL } from './configurations.js'

test('what is given', () => {
  assert.deepEqual({ ...checkRunnerOptions({}) }, {})
  assert.deepEqual({ ...checkRunnerOptions({ fileTimeout: 0.5 }) }, { fileTimeout: 0.5 })
  assert.deepEqual({ ...checkRunnerOptions({ learn: false }) }, { learn: false })
  const learn = { exclude: ['moment'] }
  assert.deepEqual({ ...checkRunnerOptions({ learn }) }, { learn })
})

for (const [options, code] of [
  [{ filetimeout: 1 }, 'ERR_UNKNOWN_OPTION'],
  [{ fileTimeout: 0 }, 'ERR_INVALID_OPTION'],
  [{ fileTimeout: '1s' }, 'ERR_INVALID_OPTION'],
  [{ learn: ['moment'] }, 'ERR_INVALID_OPTION'],
] as const)
  test(`wrong: ${JSON.stringify(options)}`, () => {
    const make = (): unknown => new ForkserverTestRunner(GLOBAL, {}, options as ForkserverRunnerOptions)
    assert.throws(make, { name: 'UsageError', code })
  })

test('docs/JEST.md lists the options', () => {
  assert.deepEqual(
    tableOf('docs/JEST.md', 'option', 'default', 'meaning').map(([name]) => name),
    ['`fileTimeout`', '`learn`'],
  )
})
