// Runs in: the test runner. What a task can ask of its worker: who it is, how to say how far it is, and when to stop.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { emitProgress, type Pool, workerInfo } from 'forkserver'
import { collect, poolContract, range, tasks } from './pool-tools.js'

const LONG_MS = 60_000

async function untilWritten(file: string): Promise<void> {
  while (!existsSync(file)) await sleep(2)
}

const pidsOf = (pool: Pool): (number | undefined)[] => pool.stats().workers.map(({ pid }) => pid)

test('outside a worker there is no worker, and nobody listens', () => {
  assert.equal(workerInfo(), undefined)
  assert.equal(emitProgress(1), false)
})

poolContract('a task and its worker', (site) => {
  test('a worker has a number, the name of its pool, and counts its tasks', async () => {
    await using pool = site.open({ processes: 1, name: 'render', maxTasksPerChild: 2, initializer: tasks.noteFirst })
    const seen = []
    for (let i = 0; i < 3; i++) seen.push(await pool.run(tasks.who, []))
    assert.deepEqual(
      seen.map(({ id, task, name, title }) => [id, task, name, title]),
      [
        [1, 1, 'render', 'render'],
        [1, 2, 'render', 'render'],
        [2, 1, 'render', 'render'],
      ],
    )
    assert.equal(await pool.run(tasks.getFirst, []), 0)
    assert.deepEqual(await Promise.all([pool.run(tasks.who, []).then(({ id }) => id)]), [3])
  })

  test('a pool without a name leaves the title alone', async () => {
    await using pool = site.open({ processes: 1 })
    const { name, title } = await pool.run(tasks.who, [])
    assert.equal(name, undefined)
    assert.notEqual(title, 'undefined')
  })

  test('progress comes in order, with its item, in the context of the call, and before the result', async () => {
    await using pool = site.open()
    const storage = new AsyncLocalStorage<string>()
    const heard: [unknown, number, string | undefined][] = []
    const onProgress = (value: unknown, item: number): void => {
      heard.push([value, item, storage.getStore()])
    }
    await storage.run('call', () => pool.run(tasks.countTo, [3], { onProgress }))
    assert.deepEqual(
      heard,
      [1, 2, 3].map((step) => [{ step }, 0, 'call']),
    )
    heard.length = 0
    const results = storage.run('loop', () => pool.imap(tasks.countTo, [2, 0, 1, 3], { chunkSize: 2, onProgress }))
    assert.deepEqual(await collect(results), [true, true, true, true])
    const of = (item: number): unknown[] => heard.filter((one) => one[1] === item).map(([value]) => value)
    assert.deepEqual(range(4).map(of), [
      [{ step: 1 }, { step: 2 }],
      [],
      [{ step: 1 }],
      [1, 2, 3].map((step) => ({ step })),
    ])
    assert.ok(heard.every(([, , store]) => store === 'loop'))
  })

  test('without a listener nothing is sent; a value that cannot be cloned is an error of the task', async () => {
    await using pool = site.open()
    assert.equal(await pool.run(tasks.countTo, [2]), false)
    await assert.rejects(pool.run(tasks.sayNothingClonable, [], { onProgress: () => {} }), { code: 'ERR_CANNOT_CLONE' })
    assert.equal(await pool.run(tasks.sayNothingClonable, []), false)
  })

  test('with a grace period a task that is aborted can stop, and its worker lives on', async () => {
    await using pool = site.open({ processes: 1, gracePeriod: LONG_MS })
    const file = site.newFile()
    const controller = new AbortController()
    const running = pool.run(tasks.untilAborted, [file], { signal: controller.signal })
    await untilWritten(file)
    const before = pidsOf(pool)
    controller.abort()
    await assert.rejects(running, { name: 'AbortError' })
    assert.equal(await pool.run(tasks.isAborted, []), false)
    assert.deepEqual(readFileSync(file, 'utf8').split('\n'), ['begun', 'AbortError ABORT_ERR true', ''])
    assert.deepEqual(pidsOf(pool), before)
  })

  test('and one whose time is over; it has failed when its time was', async () => {
    await using pool = site.open({ processes: 1, gracePeriod: LONG_MS })
    const file = site.newFile()
    const before = await pool.run(tasks.pid, [])
    const counts = pool.stats()
    await assert.rejects(pool.run(tasks.untilAborted, [file], { timeout: 100 }), { code: 'ERR_TIMEOUT', pid: before })
    assert.equal(await pool.run(tasks.pid, []), before)
    assert.match(readFileSync(file, 'utf8'), /ERR_TIMEOUT/)
    const { completed, failed } = pool.stats()
    assert.deepEqual([completed - counts.completed, failed - counts.failed], [1, 1])
  })

  test('one that does not stop is killed after it', async () => {
    await using pool = site.open({ processes: 1, gracePeriod: 50 })
    const before = await pool.run(tasks.pid, [])
    await assert.rejects(pool.run(tasks.spin, [], { timeout: 50 }), { code: 'ERR_TIMEOUT' })
    assert.notEqual(await pool.run(tasks.pid, []), before)
    const file = site.newFile()
    const controller = new AbortController()
    const running = pool.run(tasks.noteAndSpin, [file], { signal: controller.signal })
    await untilWritten(file)
    controller.abort()
    await assert.rejects(running, { name: 'AbortError' })
    assert.equal(await pool.run(tasks.identity, ['again']), 'again')
    const { completed, failed } = pool.stats()
    assert.equal(completed + failed, 5)
  })

  test('an iteration that is aborted stops its tasks and runs none of the rest; others are not disturbed', async () => {
    await using pool = site.open({ processes: 2, gracePeriod: LONG_MS })
    const controller = new AbortController()
    const files = range(4).map(() => site.newFile())
    const results = pool.imap(tasks.untilAborted, files, { chunkSize: 2, signal: controller.signal })
    const next = results.next()
    await untilWritten(files[0]!)
    await untilWritten(files[2]!)
    const others = range(20).map((value) => pool.run(tasks.identity, [value]))
    controller.abort()
    await assert.rejects(next, { name: 'AbortError' })
    assert.deepEqual(await Promise.all(others), range(20))
    assert.deepEqual(
      files.map((file) => existsSync(file)),
      [true, false, true, false],
    )
  })
})
