// Runs in: the test runner. Pool: every wait has an end, whatever phase of its life a worker hangs or dies in.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError, remote, UsageError } from 'forkserver'
import { errorOf } from './contract.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

const badModule = (name: string): { f: () => number } =>
  remote<{ f: () => number }>(new URL(`../fixtures/pool/import-${name}.js`, import.meta.url)) as never

poolContract('pool, limits', ({ open }) => {
  for (const [name, wanted] of [
    ['exits', { exitCode: 3, signal: null }],
    ['ends-by-signal', { exitCode: null, signal: 'SIGKILL' }],
  ] as const) {
    test(`a module that ${name} ends its worker: its tasks fail, each call once, and others are run`, async () => {
      await using pool = open({ processes: 1 })
      const { f } = badModule(name) as never as { f: typeof tasks.pid }
      const error = await errorOf(pool.run(f, []), ChildError)
      assert.deepEqual(
        { code: error.code, exitCode: error.exitCode, signal: error.signal },
        { code: 'ERR_CHILD_DIED', ...wanted },
      )
      const settled = await collect(pool.imap(f as never, range(6) as never, { chunkSize: 3, onError: 'yield' }))
      assert.ok(settled.every(({ status }) => status === 'rejected'))
      assert.equal(await pool.run(tasks.add, [1, 1]), 2)
    })
  }

  for (const name of ['spins', 'never-settles']) {
    test(`a module that ${name}: its task obeys its timeout and its signal`, async () => {
      await using pool = open({ processes: 1 })
      const { f } = badModule(name) as never as { f: typeof tasks.pid }
      assert.equal((await errorOf(pool.run(f, [], { timeout: 200 }), ChildError)).code, 'ERR_TIMEOUT')
      const late = pool.run(f, [], { signal: AbortSignal.timeout(200) })
      await assert.rejects(late, { name: 'AbortError' })
      assert.equal(await pool.run(tasks.add, [1, 1]), 2)
    })
  }

  test('a module that throws fails its tasks, and its worker goes on', async () => {
    await using pool = open({ processes: 1 })
    const { f } = badModule('throws') as never as { f: typeof tasks.pid }
    await assert.rejects(pool.run(f, []), /no such table/)
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  })

  for (const how of ['spin', 'wait'] as const) {
    test(`an initializer that never ends (${how}): timeout of a task, startTimeout, terminate()`, async () => {
      const pool = open({ processes: 1, initializer: tasks.hang, initArgs: [how], startTimeout: 300 })
      const error = await errorOf(pool.map(tasks.identity, [1]), ChildError)
      assert.equal(error.code, 'ERR_POOL_BROKEN')
      assert.match(error.message, /startTimeout of 300 ms/)
      await pool.join()
      const other = open({ initializer: tasks.hang, initArgs: [how] })
      const [limited, unlimited] = [{ timeout: 200 }, {}].map((options) => other.run(tasks.pid, [], options))
      const waiting = errorOf(unlimited!, UsageError)
      assert.equal((await errorOf(limited!, ChildError)).code, 'ERR_TIMEOUT')
      other.terminate()
      await other.join()
      assert.equal((await waiting).code, 'ERR_INVALID_STATE')
    })

    test(`a teardown that never ends (${how}) does not hold join() up`, async () => {
      const pool = open({ teardown: how === 'spin' ? tasks.spinAtEnd : tasks.hangAtEnd, teardownTimeout: 200 })
      assert.equal(await pool.run(tasks.add, [1, 1]), 2)
      pool.close()
      await pool.join()
    })
  }

  test('workers that die before they begin their task are not started for ever', async () => {
    await using pool = open({ processes: 1, initializer: tasks.dieWhenReady })
    const error = await errorOf(pool.run(tasks.hang, ['wait']), ChildError)
    assert.ok(['ERR_CHILD_DIED', 'ERR_POOL_BROKEN'].includes(error.code), error.code)
    assert.ok(pool.stats().rescheduled <= 10)
  })

  test('a task that ended in time has not failed, though its owner was too busy to hear it', async () => {
    await using pool = open({ processes: 1, gracePeriod: 10_000 })
    await pool.run(tasks.pid, [])
    const result = pool.run(tasks.later, ['done', 10], { timeout: 300 })
    await new Promise(setImmediate)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
    assert.equal(await result, 'done')
  })

  test('the time that a task waits for others does not count to its timeout', async () => {
    await using pool = open({ processes: 1 })
    const each = pool.map(tasks.later as never, range(8).map(() => 100) as never, { timeout: 60_000 })
    const runs = [
      pool.run(tasks.later, [1, 3_000], { timeout: 60_000 }),
      pool.run(tasks.later, [2, 1], { timeout: 2_500 }),
    ]
    assert.deepEqual(await Promise.all(runs), [1, 2])
    await each
  })

  test('an item that its worker has no memory for fails with the limit named', async () => {
    await using pool = open({ processes: 1, limits: { memory: 96 * 1024 * 1024 }, stdio: 'ignore' })
    const item = range(1_500_000).map((value) => ({ value }))
    const error = await errorOf(pool.run(tasks.sizeOf as never, [item] as never), ChildError)
    assert.equal(error.code, 'ERR_CHILD_DIED')
    if (error.signal === 'SIGABRT') assert.match(error.message, /limits\.memory of 100663296 bytes/)
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  })
})
