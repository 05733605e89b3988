// Runs in: the test runner. Pool: nothing is lost when workers die, in whatever way.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChildError, UsageError } from 'forkserver'
import { errorOf } from './contract.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

poolContract('pool, deaths', ({ open, newFile }) => {
  test('an initializer that always fails ends the pool with one clear error', async () => {
    await using pool = open({ initializer: tasks.refuse })
    const error = await errorOf(pool.map(tasks.identity, range(5)), ChildError)
    assert.equal(error.code, 'ERR_POOL_BROKEN')
    assert.match(String((error.cause as Error).message), /no database/)
    assert.equal((await errorOf(pool.run(tasks.identity, [1]), ChildError)).code, 'ERR_POOL_BROKEN')
  })

  test('so it does behind close()', async () => {
    const pool = open({ initializer: tasks.refuse })
    const all = errorOf(pool.map(tasks.identity, range(5)), ChildError)
    pool.close()
    assert.equal((await all).code, 'ERR_POOL_BROKEN')
    await pool.join()
  })

  for (const [what, reference, args, wanted] of [
    ['a signal', tasks.die, ['SIGKILL'], { exitCode: null, signal: 'SIGKILL' }],
    ['process.exit()', tasks.leave, [3], { exitCode: 3, signal: null }],
  ] as const) {
    test(`a worker that ends by ${what} fails its task, and no other`, async () => {
      await using pool = open()
      const others = pool.map(tasks.later as never, range(20) as never)
      const error = await errorOf(pool.run(reference as typeof tasks.leave, args as never), ChildError)
      assert.deepEqual(
        { code: error.code, exitCode: error.exitCode, signal: error.signal },
        { code: 'ERR_CHILD_DIED', ...wanted },
      )
      assert.deepEqual(await others, range(20))
      assert.equal(await pool.run(tasks.add, [1, 1]), 2)
    })
  }

  test('a worker that dies in a chunk: what it had begun fails, the rest is run elsewhere, each once', async () => {
    const file = newFile()
    await using pool = open()
    const items = range(40).map((value) => ({ file, value, bad: 13 }))
    const settled = await collect(pool.imap(tasks.noteThenDieAt, items, { chunkSize: 10, onError: 'yield' }))
    const begun = readFileSync(file, 'utf8').trim().split('\n').map(Number)
    for (const [value, { status }] of settled.entries()) {
      // Chunk 10 to 19: 10 to 13 had begun. What 10 to 12 gave died with the worker.
      const isLost = value >= 10 && value <= 13
      assert.equal(status, isLost ? 'rejected' : 'fulfilled', `item ${value}`)
    }
    assert.deepEqual(
      begun.sort((a, b) => a - b),
      range(40),
      'each began once',
    )
  })

  test('an idle worker that is killed is replaced', async () => {
    await using pool = open({ processes: 1 })
    const first = await pool.run(tasks.pid, [])
    process.kill(first, 'SIGKILL')
    const second = await pool.run(tasks.pid, []).catch((error: ChildError) => error)
    // The owner may send before it hears of the death; the task had not begun then, and is run by the next worker.
    assert.equal(typeof second, 'number')
    assert.notEqual(second, first)
  })

  test('a large result is not lost with the worker that ends in the next task', async () => {
    await using pool = open({ processes: 1 })
    await pool.run(tasks.pid, [])
    const large = pool.run(tasks.textOf, [2 ** 20])
    const error = errorOf(pool.run(tasks.leave, [3]), ChildError) // sent ahead: it follows at once
    assert.equal((await large).length, 2 ** 20)
    assert.match((await error).message, /while it ran leave\(\)/)
  })

  test('an abort behind terminate(): the tasks that workers still have are answered', async () => {
    const pool = open({ processes: 1 })
    await pool.run(tasks.pid, [])
    const stop = new AbortController()
    const first = pool.run(tasks.spin, [], { signal: stop.signal }).catch(() => {})
    const ahead = errorOf(pool.run(tasks.pid, []), UsageError)
    await new Promise(setImmediate)
    pool.terminate()
    stop.abort()
    await pool.join()
    const error = await Promise.race([ahead, sleep(10_000, undefined, { ref: false })])
    assert.equal(error?.code, 'ERR_INVALID_STATE')
    await first
    assert.equal(pool.stats().queued, 0)
  })

  test('retries of a chunk of several tasks count each task once', async () => {
    await using pool = open({ processes: 1 })
    const [there, fresh] = [newFile(), newFile()]
    writeFileSync(there, '')
    const again = await pool.map(tasks.dieOnce, [there, fresh, there], { chunkSize: 3, retries: 1 })
    assert.deepEqual(again, ['again', 'again', 'again'])
    const { queued, completed, failed } = pool.stats()
    assert.deepEqual([queued, completed, failed], [0, 3, 0])
  })

  test('a task that is run again obeys its timeout while no worker is ready', async () => {
    const options = { initializer: tasks.hangAfterFirst, initArgs: [newFile()], startTimeout: 15_000 }
    await using pool = open({ processes: 1, ...options })
    const limits = { retries: 1, timeout: 2_000 }
    const error = await errorOf(pool.run(tasks.dieOnceLater, [newFile(), 200], limits), ChildError)
    assert.equal(error.code, 'ERR_TIMEOUT')
  })

  test('an error that a worker throws outside of its tasks is the cause', async () => {
    await using pool = open({ stdio: 'ignore' })
    const error = await errorOf(pool.run(tasks.throwInCallback, ['left behind']), ChildError)
    assert.equal(error.code, 'ERR_CHILD_DIED')
    assert.ok(error.cause instanceof RangeError && error.cause.message === 'left behind', String(error.cause))
    const options = { initializer: tasks.throwInCallback, initArgs: ['no lock file'], stdio: 'ignore' } as const
    await using other = open(options)
    const broken = await errorOf(other.run(tasks.pid, []), ChildError)
    assert.equal(broken.code, 'ERR_POOL_BROKEN')
    assert.match(broken.message, /before it was ready: no lock file/)
  })

  test('retries', async () => {
    await using pool = open()
    assert.equal(await pool.run(tasks.dieOnce, [newFile()], { retries: 1 }), 'again')
    assert.equal((await errorOf(pool.run(tasks.die, ['SIGKILL'], { retries: 2 }), ChildError)).code, 'ERR_CHILD_DIED')
  })

  test('a timeout really kills', async () => {
    await using pool = open()
    const error = await errorOf(pool.run(tasks.spin, [], { timeout: 200 }), ChildError)
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
    const wrong = pool.map(tasks.identity, [1], { timeout: 5, chunkSize: 2 })
    assert.equal((await errorOf(wrong, UsageError)).code, 'ERR_INVALID_OPTION')
  })
})
