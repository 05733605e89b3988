// Runs in: the test runner. A child inherits no timer of libuv that would run out for nothing: those of the template's
// start and of its preload are over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/template/timers.js')>(
  new URL('../fixtures/template/timers.js', import.meta.url),
)
const skip = 'missing' in findNative() ? 'it has no template' : false

test('no timer runs in a child of a template whose timers were cleared', { skip, timeout: 60_000 }, async () => {
  await using server = await ForkServer.start({ preload: [jobs.module], spares: 0 })
  const child = new Process(jobs.activeTimers, [], { server })
  await child.start()
  assert.equal(await child.result, 0)
  await child.join()
})
