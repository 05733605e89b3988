// Runs in: the test runner. What a pool tells of itself: counts, times, events; and workers that have become too large.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { WorkerIdentity } from 'forkserver'
import { collect, poolContract, range, tasks } from './pool-tools.js'

poolContract('what a pool tells', (site) => {
  test('counts and times', async () => {
    await using pool = site.open()
    const none = { count: 0, mean: 0, min: 0, max: 0, p50: 0, p90: 0, p99: 0 }
    assert.deepEqual(pool.stats(), {
      queued: 0,
      running: 0,
      completed: 0,
      failed: 0,
      rescheduled: 0,
      runTime: none,
      waitTime: none,
      utilisation: 0,
      workers: [],
    })
    const results = range(5).map((value) => pool.run(tasks.later, [value, 20]))
    const { queued, running } = pool.stats()
    assert.equal(queued + running, 5)
    await Promise.all(results)
    await assert.rejects(pool.run(tasks.fail, ['x']))
    const stats = pool.stats()
    assert.deepEqual([stats.queued, stats.running, stats.completed, stats.failed], [0, 0, 5, 1])
    assert.equal(stats.runTime.count, 6)
    assert.equal(stats.waitTime.count, 6)
    assert.ok(stats.runTime.max >= 19 && stats.runTime.p50 >= 19, JSON.stringify(stats.runTime))
    assert.ok(stats.waitTime.max >= stats.waitTime.p50 && stats.waitTime.min > 0)
    assert.ok(stats.utilisation > 0 && stats.utilisation <= 1)
    assert.equal(
      stats.workers.reduce((sum, { tasks: count }) => sum + count, 0),
      6,
    )
    // Another one may still be starting.
    const used = stats.workers.filter(({ tasks: count }) => count > 0)
    for (const { pid, memory } of used) assert.ok(pid !== undefined && memory! > 2 ** 20)
  })

  test('workers that come and go', async () => {
    const pool = site.open({ processes: 1, maxTasksPerChild: 1 })
    const events: [string, WorkerIdentity, unknown?][] = []
    pool.on('workerStart', (worker) => events.push(['start', worker]))
    pool.on('workerEnd', (worker, exit) => events.push(['end', worker, exit]))
    const pids = [await pool.run(tasks.pid, []), await pool.run(tasks.pid, [])]
    await assert.rejects(pool.run(tasks.leave, [3]), { exitCode: 3 })
    pool.close()
    await pool.join()
    await new Promise(setImmediate)
    const of = (name: string): unknown[] => events.filter((event) => event[0] === name).map(([, ...rest]) => rest)
    const third = events.findLast(([name]) => name === 'start')![1].pid
    const identities = [...pids, third].map((pid, index) => ({ id: index + 1, pid }))
    assert.deepEqual(
      of('start'),
      identities.map((identity) => [identity]),
    )
    // One that was asked for later may end earlier: its exit and the next one's birth overlap.
    const ended = of('end') as [WorkerIdentity, unknown][]
    assert.deepEqual(
      ended.sort(([one], [other]) => one.id - other.id),
      identities.map((identity, index) => [identity, { exitCode: index === 2 ? 3 : 0, signal: null }]),
    )
  })

  test('room in a queue that was full', async () => {
    await using pool = site.open({ processes: 1, maxQueue: 2 })
    const results = [pool.run(tasks.later, [0, 30])]
    await assert.rejects(
      async () => {
        for (;;) {
          const result = pool.run(tasks.later, [0, 5])
          results.push(result)
          await Promise.race([result, new Promise(setImmediate)])
        }
      },
      { code: 'ERR_QUEUE_FULL' },
    )
    results.pop()
    await once(pool, 'drain')
    await pool.run(tasks.pid, [])
    await Promise.all(results)
  })

  test('a worker that has become too large is replaced, between tasks', async () => {
    await using pool = site.open({ processes: 1, maxMemoryPerChild: 400 * 2 ** 20 })
    const size = 50 * 2 ** 20
    const pids = await collect(
      pool.imap(
        tasks.keep,
        range(20).map(() => size),
        { chunkSize: 1 },
      ),
    )
    const counts = [...new Set(pids)].map((pid) => pids.filter((one) => one === pid).length)
    assert.ok(counts.length > 1, 'No worker was replaced.')
    // Each of them kept at least one, and none more than the limit and what it took until somebody looked.
    for (const count of counts) assert.ok(count <= 12, `${counts}`)
    assert.equal(pool.stats().failed, 0)
  })
})
