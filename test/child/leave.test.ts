// Runs in: the test runner. How a child leaves, also if a package has kept functions of its template's process.
import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { CODE, LENGTH } from '../fixtures/contract/leaves-large.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const fixture = (name: string): URL => new URL(`../fixtures/contract/${name}`, import.meta.url)
const jobs = remote<typeof import('../fixtures/contract/leaves-large.js')>(fixture('leaves-large.js'))

for (const startMethod of ['forkserver', 'spawn'] as const)
  for (const how of ['loaded', 'unloaded'] as const)
    test(`a package that was preloaded watches the exit, ${how}, ${startMethod}`, { timeout: 120_000 }, async () => {
      await using server = await ForkServer.start({ startMethod, preload: [fixture('keeps-exit.cjs'), jobs.module] })
      const stdio = ['ignore', 'pipe', 'inherit'] as const
      const child = await new Process(jobs.leave, [how], { server, stdio }).start()
      child.result.catch(() => {})
      const [output, { exitCode }] = await Promise.all([text(child.stdout), child.join()])
      assert.equal(exitCode, CODE)
      if (startMethod === 'forkserver') assert.equal(output.length, LENGTH + 1) // Node's own way loses some of it
    })
