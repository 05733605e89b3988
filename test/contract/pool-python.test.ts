// Runs in: the test runner. What CPython's tests assert of multiprocessing.Pool and ProcessPoolExecutor, here; where we
// differ, on purpose.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError, ForkServer, Pool, UsageError } from 'forkserver'
import { unreadable } from '../fixtures/pool/tasks.js'
import { errorOf, rejectionOf } from './contract.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

poolContract('as in Python', ({ open }) => {
  test('an input that throws at once, and one that uses the pool itself', async () => {
    await using pool = open()
    const broken = {
      [Symbol.iterator]: () => ({
        next: () => {
          throw new RangeError('at once')
        },
      }),
    }
    for (const results of [pool.imap(tasks.identity, broken), pool.imapUnordered(tasks.identity, broken)])
      assert.equal((await errorOf(collect(results), RangeError)).message, 'at once')
    const nested = async function* (): AsyncGenerator<number> {
      for (const value of range(20)) yield (await pool.run(tasks.identity, [value])) as number
    }
    assert.deepEqual(await pool.map(tasks.identity, nested()), range(20))
    assert.deepEqual(await collect(pool.imap(tasks.identity, [])), [])
    assert.deepEqual(await collect(pool.imapUnordered(tasks.identity, new Set())), [])
  })

  test('the stack of an error has the frames of the worker; that of an input’s error has not', async () => {
    await using pool = open()
    const error = (await rejectionOf(pool.run(tasks.fail, ['x']))) as Error
    assert.match(error.stack!, /fixtures\/pool\/tasks/)
  })

  // Python's map() waits for all chunks before it raises. Here the first error is told at once, and the rest is not
  // begun.
  test('map() fails with the first error, and the pool goes on', async () => {
    await using pool = open({ processes: 1 })
    const error = await errorOf(pool.map(tasks.failAtSeven, range(100_000), { chunkSize: 1 }), RangeError)
    assert.equal(error.message, 'no 7')
    assert.ok(pool.stats().completed < 90_000)
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  })

  test('terminate() with 10,000 tasks that wait', async () => {
    const pool = open()
    const all = range(10_000).map(() => pool.run(tasks.later, [0, 60_000]))
    const settled = Promise.allSettled(all)
    pool.terminate()
    await pool.join()
    for (const one of await settled) assert.ok(one.status === 'rejected' && one.reason instanceof UsageError)
  })

  test('results that cannot be cloned, twenty times: the worker stays', async () => {
    await using pool = open({ processes: 1 })
    const first = await pool.run(tasks.pid, [])
    for (let count = 0; count < 20; count++)
      assert.equal((await errorOf(pool.run(tasks.symbol, []), UsageError)).code, 'ERR_CANNOT_CLONE')
    assert.equal(await pool.run(tasks.pid, []), first)
  })

  test('close() with workers of limited life', async () => {
    const pool = open({ processes: 3, maxTasksPerChild: 1 })
    const all = range(6).map((value) => pool.run(tasks.identity, [value]))
    pool.close()
    assert.deepEqual(await Promise.all(all), range(6))
    await pool.join()
  })

  test('a backlog behind workers of limited life is worked off', async () => {
    await using pool = open({ maxTasksPerChild: 1 })
    assert.equal(new Set(await pool.map(tasks.pid, range(12) as never, { chunkSize: 1 })).size, 12)
  })

  test('workers come with the work, and idle ones are used again', async () => {
    await using pool = open({ processes: 4 })
    assert.equal(pool.stats().workers.length, 0)
    for (let count = 0; count < 10; count++) await pool.run(tasks.pid, [])
    assert.equal(pool.stats().workers.length, 1)
  })

  // Python's executor is broken by the death of a worker, and fails all tasks; here another worker takes its place.
  test('a worker that was killed breaks nothing; its error names process and signal', async () => {
    await using pool = open({ processes: 1 })
    const pid = await pool.run(tasks.pid, [])
    const error = await errorOf(pool.run(tasks.die, ['SIGTERM']), ChildError)
    assert.deepEqual([error.code, error.pid, error.signal], ['ERR_CHILD_DIED', pid, 'SIGTERM'])
    assert.match(error.message, new RegExp(`${pid}.*SIGTERM.*die\\(\\)`))
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  })

  test('a pool that never worked: terminate(), close(), join()', async () => {
    const pool = open()
    pool.terminate()
    pool.terminate()
    pool.close()
    await pool.join()
    await pool.join()
    assert.equal((await errorOf(pool.run(tasks.pid, []), UsageError)).code, 'ERR_INVALID_STATE')
  })

  const ends = { throw: undefined, exit: { exitCode: 7, signal: null }, signal: { exitCode: null, signal: 'SIGSEGV' } }
  for (const [how, wanted] of Object.entries(ends) as ['throw' | 'exit' | 'signal', object | undefined][]) {
    test(`no deadlock: a task that ends by ${how}, running or while its result is written`, async () => {
      await using pool = open()
      for (const task of [tasks.endIn, tasks.endInResult]) {
        const error = (await rejectionOf(pool.run(task as typeof tasks.endIn, [how]))) as ChildError
        if (wanted) {
          assert.deepEqual({ exitCode: error.exitCode, signal: error.signal }, wanted)
          assert.equal(error.code, 'ERR_CHILD_DIED')
        } else assert.match(error.message, /as told/)
        assert.equal(await pool.run(tasks.add, [1, 1]), 2)
      }
    })

    test(`and behind close(): ${how}`, async () => {
      const pool = open()
      const failing = [tasks.endIn, tasks.endInResult].map((task) =>
        rejectionOf(pool.run(task as typeof tasks.endIn, [how])),
      )
      const others = pool.map(tasks.identity, range(50))
      pool.close()
      for (const error of await Promise.all(failing)) assert.ok(error instanceof Error)
      assert.deepEqual(await others, range(50))
      await pool.join()
    })
  }

  test('no deadlock: what cannot be written, rebuilt in the worker, or rebuilt here', async () => {
    await using pool = open()
    const bad = {
      get value(): never {
        throw new RangeError('a getter')
      },
    }
    const error = await errorOf(pool.run(tasks.identity, [bad]), UsageError)
    assert.equal(error.code, 'ERR_CANNOT_CLONE')
    assert.equal((error.cause as Error).message, 'a getter')
    assert.equal((await errorOf(pool.run(tasks.unreadable, []), UsageError)).code, 'ERR_CANNOT_CLONE')
    assert.equal((await errorOf(pool.run(tasks.identity, [unreadable()]), UsageError)).code, 'ERR_CANNOT_CLONE')
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  })

  test('whatever is thrown is what is caught', async () => {
    await using pool = open()
    for (const thrown of [undefined, null, 0, '', false, 'text', { a: 1 }]) {
      assert.deepEqual(await rejectionOf(pool.run(tasks.throwIt, [thrown])), thrown)
      const settled = await collect(pool.imap(tasks.throwIt, [thrown], { onError: 'yield' }))
      assert.deepEqual(settled, [{ status: 'rejected', reason: thrown }])
    }
  })

  test('a process that ends behind its task takes nothing with it', async () => {
    await using pool = open({ processes: 1 })
    assert.equal(await pool.run(tasks.exitLater, []), undefined)
    while (pool.stats().workers.length > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  })
})

test('a worker keeps nothing of a task that is done', async () => {
  await using server = await ForkServer.start({ preload: [tasks.module], execArgv: ['--expose-gc'] })
  await using pool = new Pool({ server, processes: 1 })
  await pool.run(tasks.remember, [{ big: 'x'.repeat(1_000) }])
  assert.equal(await pool.run(tasks.isRemembered, []), false)
})

test('two hundred workers', async () => {
  await using server = await ForkServer.start({ preload: [tasks.module] })
  await using pool = new Pool({ server, processes: 200, minProcesses: 200 })
  const results = await pool.map(tasks.later as never, range(400) as never, { chunkSize: 1 })
  assert.equal(results.length, 400)
})
