// Runs in: the test runner. Memory that a library of the template discards by madvise(MADV_DONTNEED) is zero when it is
// read again, also if the template's memory became a file (native/fork/flat.h). Some allocators count on it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const require = createRequire(import.meta.url)
const ROOT = path.dirname(require.resolve('forkserver/package.json'))
const skip = 'missing' in findNative() && 'there is no addon here'

test('memory that a child discards is zero, and the memory around it is not', { skip }, async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'forkserver-'))
  t.after(() => rm(folder, { recursive: true }))
  const addon = path.join(folder, 'discard.node')
  const headers = (require('node-api-headers') as { include_dir: string }).include_dir
  const source = path.join(ROOT, 'test/fixtures/flat/discard.c')
  await promisify(execFile)(process.env.CC || 'cc', ['-shared', '-fPIC', `-I${headers}`, source, '-o', addon])
  const { module, discard } = remote<typeof import('../fixtures/flat/discards.js')>(
    new URL('../fixtures/flat/discards.js', import.meta.url),
  )
  await using server = await ForkServer.start({ preload: [module], env: { ...process.env, DISCARD_ADDON: addon } })
  assert.equal(server.report?.notFlat, null)
  for (let child = 0; child < 3; child++) {
    const process = await new Process(discard, [], { server }).start()
    assert.equal(await process.result, 0)
    assert.equal((await process.join()).exitCode, 0)
  }
})
