// Runs in: the test runner. Workers of a pool that are killed at random, idle or busy, while tasks run: every task has
// one outcome, no task begins twice, and the pool goes on.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { ChildError, ForkServer, Pool, remote } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const tasks = remote<typeof import('../fixtures/pool/tasks.js')>(new URL('../fixtures/pool/tasks.js', import.meta.url))

for (const [TASKS, KILLS, chunkSize] of [
  [20_000, 40, 1],
  [100_000, 100, 20],
] as const) {
  test(`${KILLS} random kills in ${TASKS} tasks, chunks of ${chunkSize}`, { timeout: 480_000 }, async () => {
    await using server = await ForkServer.start({ preload: [tasks.module] })
    await using pool = new Pool({ server, processes: 3 })
    const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-kills-'))
    const file = path.join(folder, 'begun')
    const items = Array.from({ length: TASKS }, (_, value) => ({ file, value, bad: -1 }))
    let kills = 0
    let seen = 0
    const lost: number[] = []
    try {
      for await (const result of pool.imap(tasks.noteThenDieAt, items, { chunkSize, onError: 'yield' })) {
        const value = seen++
        if (result.status === 'fulfilled') assert.equal(result.value, value)
        else {
          assert.ok(
            result.reason instanceof ChildError && result.reason.code === 'ERR_CHILD_DIED',
            String(result.reason),
          )
          lost.push(value)
        }
        if (value % Math.floor(TASKS / KILLS) !== 0) continue
        const { workers } = pool.stats()
        const pid = workers[Math.floor(Math.random() * workers.length)]?.pid
        if (pid === undefined) continue // it is being started
        try {
          process.kill(pid, 'SIGKILL')
          kills++
        } catch (error) {
          assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH') // killed before, and reaped
        }
      }
      const begun = readFileSync(file, 'utf8').trim().split('\n').map(Number)
      assert.equal(new Set(begun).size, begun.length, 'no task began twice')
      const noted = new Set(begun)
      const notBegun = items.map(({ value }) => value).filter((value) => !noted.has(value))
      // A worker counts a task as begun just before it calls the function: it may be killed in between.
      assert.ok(
        notBegun.every((value) => lost.includes(value)),
        `${notBegun} did not begin, and have a result`,
      )
      assert.equal(seen, TASKS)
      // The chunk that runs, and one whose results were on their way.
      assert.ok(kills > 0 && lost.length <= 2 * kills * chunkSize, `${lost.length} lost by ${kills} kills`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
