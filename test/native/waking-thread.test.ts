// Runs in: the test runner. A thread of the template that wakes by itself, as V8's thread for delayed tasks does, does
// not run at the moment of a fork (native/fork/fork-at-rest.c). Else a child could have a lock that nobody releases.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { compileAddon } from '../support/addons.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const FORKS = 100
const skip = 'missing' in findNative() && 'there is no addon here'

test('no child has a lock of a thread that wakes again and again', { skip }, async () => {
  const addon = await compileAddon('waking')
  const env = { ...process.env, LD_PRELOAD: addon, WAKING_ADDON: addon }
  const { module, isLocked } = remote<typeof import('../fixtures/addons/wakes.js')>(
    new URL('../fixtures/addons/wakes.js', import.meta.url),
  )
  await using server = await ForkServer.start({ preload: [module], env })
  assert.equal(server.startMethod, 'forkserver')
  let locked = 0
  for (let fork = 0; fork < FORKS; fork++) {
    const process = await new Process(isLocked, [], { server, stdio: 'ignore' }).start()
    locked += await process.result
    assert.equal((await process.join()).exitCode, 0)
  }
  assert.equal(locked, 0)
})
