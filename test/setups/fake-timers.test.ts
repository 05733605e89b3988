// Runs in: the test runner. Fake timers in an owner stop its own timers, and not the time limits of forkserver.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { watchLeaks } from '../support/leaks.js'
import { runSetup } from './owner.js'

watchLeaks()

const OWNER = fileURLToPath(new URL('../fixtures/setups/fake-timers.js', import.meta.url))

test('time limits of a join, a process, a task and a handshake end under fake timers', {
  timeout: 120_000,
}, async () => {
  assert.deepEqual(await runSetup([OWNER]), ['ERR_TIMEOUT', 'ERR_TIMEOUT', 'ERR_TIMEOUT', 'ERR_AUTH_TIMEOUT'])
})
