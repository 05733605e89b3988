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

async function check(variables: NodeJS.ProcessEnv): Promise<string | null | undefined> {
  const addon = await compileAddon('discard')
  const { module, discard } = remote<typeof import('../fixtures/addons/discards.js')>(
    new URL('../fixtures/addons/discards.js', import.meta.url),
  )
  const env = { ...process.env, DISCARD_ADDON: addon, ...variables }
  await using server = await ForkServer.start({ preload: [module], env })
  for (let child = 0; child < 3; child++) {
    const process = await new Process(discard, [], { server }).start()
    assert.equal(await process.result, 0)
    assert.equal((await process.join()).exitCode, 0)
  }
  return server.report?.notFlat
}

test('memory that a child discards is zero, and the memory around it is not', { skip }, async () => {
  assert.equal(await check({}), null)
})

test('so it is if only a part of the memory came into the file', { skip }, async () => {
  assert.match(String(await check({ DISCARD_REFUSE: '1' })), /ENOSPC/)
})
