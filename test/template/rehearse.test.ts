// Runs in: the test runner. The rehearsal leaves nothing that V8 compiles in every child: V8 itself says what it
// compiles.
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const CHILDREN = 16
const jobs = remote<typeof import('../fixtures/contract/jobs.js')>(
  new URL('../fixtures/contract/jobs.js', import.meta.url),
)
const skip = 'missing' in findNative() ? 'it has no template' : false

test('no child compiles a batch of functions for its own birth, job and exit', { skip, timeout: 60_000 }, async () => {
  await using server = await ForkServer.start({
    preload: [jobs.module],
    execArgv: ['--trace-baseline-batch-compilation'],
  })
  const compiled: string[] = []
  for (let at = 0; at < CHILDREN; at++) {
    const child = new Process(jobs.echo, [at], { server, stdio: ['ignore', 'pipe', 'inherit'] })
    await child.start()
    const output = await text(child.stdout!)
    await child.join()
    compiled.push(...output.split('\n').filter((line) => line.includes('Compiling')))
  }
  assert.deepEqual(compiled, [])
})
