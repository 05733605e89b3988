// Runs in: the test runner. An owner that is a worker thread: it forks as the main thread does, and nothing is left
// when it ends.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ForkServer } from 'forkserver'
import type { ThreadReport } from '../fixtures/contract/threaded.js'
import { isAlive, openDescriptors, until, watchLeaks } from '../support/leaks.js'
import { ModuleFolder } from '../support/modules.js'

watchLeaks()

const THREADED = fileURLToPath(new URL('../fixtures/contract/threaded.js', import.meta.url))
const STARTING = fileURLToPath(new URL('../fixtures/contract/starting.js', import.meta.url))
const folder = new ModuleFolder()
const startMethods = ['forkserver', 'spawn'] as const

/** Runs the thread until it has told what it did. `exited` resolves with its exit code. */
async function runThread(workerData: { startMethod: string; closes: boolean }) {
  const thread = new Worker(THREADED, { workerData })
  const exited = once(thread, 'exit').then(([exitCode]) => exitCode as number) // it may come in the message's own turn
  const [report] = (await once(thread, 'message')) as [ThreadReport]
  return { thread, exited, report }
}

for (const startMethod of startMethods) {
  describe(`an owner in a worker thread, start method ${startMethod}`, () => {
    test('has the start method that the main thread has, and runs a job', async () => {
      await using inMain = await ForkServer.start({ startMethod })
      const { exited, report } = await runThread({ startMethod, closes: true })
      assert.equal(report.startMethod, inMain.startMethod)
      assert.equal(report.answer, 'hello you')
      assert.equal(await exited, 0)
    })

    test('is terminated: its template and its children end, and no descriptor is left', async () => {
      const before = openDescriptors().length
      const { thread, report } = await runThread({ startMethod, closes: false })
      const { pids } = report
      assert.equal(pids.length, startMethod === 'spawn' ? 1 : 2)
      await thread.terminate()
      assert.ok(await until(() => !pids.some(isAlive)), 'a process outlives its thread')
      assert.ok(await until(() => openDescriptors().length <= before), openDescriptors().join('\n'))
    })
  })
}

test('an owner in a worker thread is terminated while its template starts: nothing is left of it', async () => {
  const before = openDescriptors().length
  const marker = path.join(folder.path, 'pid')
  const preload = folder.write(
    'endless.mjs',
    `import { renameSync, writeFileSync } from 'node:fs'
    writeFileSync('${marker}.new', String(process.pid))
    renameSync('${marker}.new', '${marker}')
    await new Promise(() => setInterval(() => {}, 60_000))`,
  )
  const thread = new Worker(STARTING, { workerData: { preload } })
  assert.ok(await until(() => existsSync(marker)))
  await thread.terminate()
  const template = Number(readFileSync(marker, 'utf8'))
  assert.ok(await until(() => !isAlive(template)), 'the template outlives its thread')
  assert.ok(await until(() => openDescriptors().length <= before), openDescriptors().join('\n'))
})
