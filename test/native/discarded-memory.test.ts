// Runs in: the test runner. Memory that a library of the template discards by madvise(MADV_DONTNEED) is zero when it is
// read again, also if the template's memory became a file (native/fork/flat.h). Some allocators count on it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { compileAddon } from '../support/addons.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const skip = 'missing' in findNative() && 'there is no addon here'

test('memory that a child discards is zero, and the memory around it is not', { skip }, async () => {
  const addon = await compileAddon('discard')
  const { module, discard } = remote<typeof import('../fixtures/addons/discards.js')>(
    new URL('../fixtures/addons/discards.js', import.meta.url),
  )
  await using server = await ForkServer.start({ preload: [module], env: { ...process.env, DISCARD_ADDON: addon } })
  assert.equal(server.report?.notFlat, null)
  for (let child = 0; child < 3; child++) {
    const process = await new Process(discard, [], { server }).start()
    assert.equal(await process.result, 0)
    assert.equal((await process.join()).exitCode, 0)
  }
})
