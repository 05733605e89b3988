// Runs in: the test runner. The rehearsal leaves nothing that V8 compiles or learns in every child: V8 itself says what
// it does.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { ForkServer, Pool, Process, remote } from 'forkserver'
import { startInBackground } from '#src/owner/server/fork-server.js'
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

/** More than this per process: then a hidden class was forgotten that each child needs, or code was not rehearsed. */
const MOST_MISSES = { process: 25, task: 60, worker: 60 }

test('V8 learns little in a child that it knew in the template', { skip, timeout: 240_000 }, async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-ic-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const log = path.join(folder, 'v8.log')
  // Of a profiler, so a user cannot pass them: all children write to one file. Here they run one after the other.
  const execArgv = ['--log-ic', `--logfile=${log}`, '--no-logfile-per-isolate']
  const flags = { execArgv, nodeOptions: undefined, leftOut: { inspector: [], profiler: [] }, loader: undefined }
  const options = { preload: [jobs.module], spares: 0, strict: false }
  const hold = setInterval(() => {}, 1_000) // the start does not keep the event loop running
  t.after(() => clearInterval(hold))
  await using server = await ForkServer[startInBackground](options, flags)
  const misses = (): number => readFileSync(log, 'latin1').match(/^\w+IC,/gm)?.length ?? 0
  const lives: Record<keyof typeof MOST_MISSES, () => Promise<unknown>> = {
    process: async () => (await new Process(jobs.echo, [1], { server, stdio: 'ignore' }).start()).join(),
    async task() {
      await using pool = new Pool({ server, processes: 1, isolate: 'task' })
      await pool.run(jobs.echo, [1])
    },
    async worker() {
      await using pool = new Pool({ server, processes: 1 })
      await pool.run(jobs.echo, [1])
    },
  }
  for (const [name, live] of Object.entries(lives)) {
    for (let at = 0; at < CHILDREN; at++) await live() // the template's own code learns, too
    const before = misses()
    for (let at = 0; at < CHILDREN; at++) await live()
    const each = (misses() - before) / CHILDREN
    const most = MOST_MISSES[name as keyof typeof MOST_MISSES]
    t.diagnostic(`${name}: ${each}`)
    assert.ok(each > 0 && each <= most, `${name}: ${each}`)
  }
})
