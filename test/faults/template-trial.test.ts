// Runs in: the test runner. A template whose children cannot live says so before it is ready: processes are then
// spawned, and the reason is told.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { descendants, watchLeaks } from '../support/leaks.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const skip = 'missing' in findNative() && 'without the addon there is no template'

/** A module that does something in each forked child, as soon as it asks for its first random number. */
const inChild = (what: string): string =>
  `data:text/javascript,${encodeURIComponent(`
    import { readlinkSync } from 'node:fs'
    const pid = readlinkSync('/proc/self')
    const { random } = Math
    Math.random = () => {
      if (readlinkSync('/proc/self') !== pid) ${what}
      return random()
    }`)}`

const WAYS: [name: string, what: string, says: RegExp][] = [
  [
    'are killed by SIGSEGV',
    "process.kill(Number(readlinkSync('/proc/self')), 'SIGSEGV')",
    /trial child was killed by SIGSEGV/,
  ],
  ['abort', 'process.abort()', /trial child was killed by SIGABRT/],
  ['loop without end', 'for (;;);', /trial child did not end in \d+ s of processor time/],
  [
    'wait without end',
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)',
    /trial child did not end, and did nothing for 5 s/,
  ],
  ['draw numbers that are not their own', 'return 0.5', /did not give a trial child random numbers of its own/],
]

describe('a preload with which children', { skip }, () => {
  for (const [name, what, says] of WAYS) {
    test(name, async () => {
      const before = descendants()
      await using server = await ForkServer.start({ preload: [inChild(what)] })
      assert.equal(server.startMethod, 'spawn')
      assert.match(server.spawnReason ?? '', says)
      assert.deepEqual(descendants(), before, 'the template and the trial child are gone')
      const p = await new Process(jobs.echo, ['spawned'], { server }).start()
      assert.equal(await p.result, 'spawned')
    })
  }
})
