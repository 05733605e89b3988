// Runs in: the test runner. Pool: its verbs, its order and its bounds.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ResourceError, remote, UsageError } from 'forkserver'
import { until } from '../support/leaks.js'
import { errorOf, rejectionOf } from './contract.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

poolContract('pool', ({ open, newFile }) => {
  test('run', async () => {
    await using pool = open()
    assert.equal(await pool.run(tasks.add, [1, 2]), 3)
    assert.equal(await pool.run(tasks.later, ['x', 5]), 'x')
    const error = (await rejectionOf(pool.run(tasks.fail, ['own']))) as RangeError & { code: string }
    assert.deepEqual([error.constructor, error.message, error.code], [RangeError, 'own', 'E_OWN'])
    assert.equal((await errorOf(pool.run(tasks.symbol, []), UsageError)).code, 'ERR_CANNOT_CLONE')
    assert.equal((await errorOf(pool.run(tasks.identity, [() => {}]), UsageError)).code, 'ERR_CANNOT_CLONE')
    assert.equal(await pool.run(tasks.add, [3, 4]), 7, 'after failures')
    const { completed, failed } = pool.stats()
    assert.deepEqual({ completed, failed }, { completed: 3, failed: 2 }) // what could not be sent was no task
  })

  test('many calls at a time: each gets its own result, also if chunks move from one worker to another', async () => {
    await using pool = open()
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < 20_000) {
        const value = next++
        assert.equal(await pool.run(tasks.identity, [value]), value)
      }
    }
    await Promise.all(Array.from({ length: 64 }, lane))
  })

  test('map, starmap, imap, imapUnordered', async () => {
    await using pool = open()
    const numbers = range(500)
    for (const chunkSize of [1, 7, 1_000, 'auto'] as const) {
      assert.deepEqual(await pool.map(tasks.identity, numbers, { chunkSize }), numbers, `map ${chunkSize}`)
      assert.deepEqual(await collect(pool.imap(tasks.identity, numbers, { chunkSize })), numbers, `imap ${chunkSize}`)
      const some = (await collect(pool.imapUnordered(tasks.identity, numbers, { chunkSize }))) as number[]
      assert.deepEqual(
        some.sort((a, b) => a - b),
        numbers,
        `imapUnordered ${chunkSize}`,
      )
    }
    assert.deepEqual(
      await pool.starmap(tasks.add, [
        [1, 2],
        [3, 4],
      ]),
      [3, 7],
    )
    assert.deepEqual(await pool.map(tasks.identity, []), [])
    assert.deepEqual(await pool.map(tasks.identity, 'abc'), ['a', 'b', 'c'])
    assert.deepEqual(await pool.map(tasks.identity, [undefined, null]), [undefined, null])
    const slow = async function* (): AsyncGenerator<number> {
      for (const number of range(20)) yield number
    }
    assert.deepEqual(await pool.map(tasks.identity, slow()), range(20))
  })

  test('an error ends a map; with onError yield it is one of the results', async () => {
    await using pool = open()
    assert.equal((await errorOf(pool.map(tasks.failAtSeven, range(50), { chunkSize: 3 }), RangeError)).message, 'no 7')
    const settled = await collect(pool.imap(tasks.failAtSeven, range(20), { chunkSize: 3, onError: 'yield' }))
    assert.deepEqual(
      settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message)),
      range(20).map((value) => (value === 7 ? 'no 7' : value)),
    )
    const odd = await collect(pool.imap(tasks.oddSymbols, range(6), { chunkSize: 6, onError: 'yield' }))
    assert.deepEqual(
      odd.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
    )
    const items = [1, () => {}, 3]
    const uncloned = await collect(pool.imap(tasks.identity, items, { chunkSize: 3, onError: 'yield' }))
    assert.deepEqual(
      uncloned.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
  })

  test('an error of the input comes behind the results of what came before it', async () => {
    await using pool = open()
    const input = function* (): Generator<number> {
      yield* range(10)
      throw new RangeError('input')
    }
    const seen: unknown[] = []
    const error = await errorOf(
      (async () => {
        for await (const result of pool.imap(tasks.identity, input(), { chunkSize: 4 })) seen.push(result)
      })(),
      RangeError,
    )
    assert.equal(error.message, 'input')
    assert.deepEqual(seen, range(10))
  })

  test('the input is never read further ahead than agreed', async () => {
    await using pool = open()
    let read = 0
    const input = function* (): Generator<number> {
      for (;;) yield read++
    }
    let given = 0
    let most = 0
    const results = pool.imap(tasks.identity, input(), { chunkSize: 5, bufferSize: 10 })
    for await (const _ of results) {
      given++
      most = Math.max(most, read - given)
      if (given === 300) break
    }
    assert.ok(most <= 10 + 2 * 5, `${most} ahead`)
    assert.equal(await pool.run(tasks.add, [1, 1]), 2, 'the pool goes on')
  })

  test('leaving early tells the input', async () => {
    await using pool = open()
    let isReturned = false
    const input = (function* (): Generator<number> {
      try {
        for (;;) yield 1
      } finally {
        isReturned = true
      }
    })()
    for await (const _ of pool.imap(tasks.identity, input)) break
    assert.ok(isReturned)
  })

  test('workers live on, and are replaced after so many tasks', async () => {
    await using pool = open({ processes: 1 })
    assert.equal(new Set(await pool.map(tasks.pid, range(10) as never, { chunkSize: 1 })).size, 1)
    await using recycled = open({ processes: 1, maxTasksPerChild: 2 })
    assert.equal(new Set(await recycled.map(tasks.pid, range(6) as never, { chunkSize: 1 })).size, 3)
    await using fresh = open({ isolate: 'task' })
    const runs = await fresh.map(tasks.countRuns, range(8) as never)
    assert.ok(runs.length === 8 && runs.every((count) => count === 1))
  })

  test('initializer and teardown', async () => {
    const note = newFile()
    const pool = open({
      initializer: tasks.initialise,
      initArgs: ['here'],
      teardown: tasks.noteEnd,
      env: { ...process.env, NOTE: note },
    })
    assert.equal(await pool.run(tasks.getStart, []), 'here')
    const worker = await pool.run(tasks.pid, [])
    pool.close()
    await pool.join()
    assert.ok(readFileSync(note, 'utf8').split('\n').includes(String(worker)))
  })

  test('a signal forgets what waits and kills what runs', async () => {
    await using pool = open({ processes: 1 })
    const running = new AbortController()
    const waiting = new AbortController()
    const first = pool.run(tasks.spin, [], { signal: running.signal })
    const second = pool.run(tasks.identity, [2], { signal: waiting.signal })
    const third = pool.run(tasks.identity, [3])
    waiting.abort()
    assert.equal(((await rejectionOf(second)) as Error).name, 'AbortError')
    setTimeout(() => running.abort(), 100)
    assert.equal(((await rejectionOf(first)) as Error).name, 'AbortError')
    assert.equal(await third, 3)
    const before = AbortSignal.abort()
    assert.equal(((await rejectionOf(pool.run(tasks.identity, [1], { signal: before }))) as Error).name, 'AbortError')
    const stop = new AbortController()
    const forever = pool.map(tasks.later as never, range(1_000).map(() => 1) as never, { signal: stop.signal })
    stop.abort()
    assert.equal(((await rejectionOf(forever)) as Error).name, 'AbortError')
  })

  test('a signal ends an iteration whose input gives nothing more, and is not held on to', async () => {
    await using pool = open()
    const stop = new AbortController()
    let give: (step: IteratorResult<number>) => void = () => {}
    const input = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<IteratorResult<number>>((r) => (give = r)) }),
    }
    const all = pool.map(tasks.identity, input, { signal: stop.signal })
    setTimeout(() => {
      stop.abort()
      give({ done: false, value: 1 })
    }, 10)
    assert.equal(((await rejectionOf(all)) as Error).name, 'AbortError')
    const signal = new AbortController().signal
    for (let count = 0; count < 3; count++) await pool.map(tasks.identity, [1], { signal })
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  test('an async iterator may return thenables', async () => {
    await using pool = open()
    let count = 0
    const next = (): PromiseLike<IteratorResult<number>> => ({
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      then: (resolve) => Promise.resolve({ done: count === 3, value: count++ } as IteratorResult<number>).then(resolve),
    })
    const input = { [Symbol.asyncIterator]: () => ({ next }) } as AsyncIterable<number>
    assert.deepEqual(await pool.map(tasks.identity, input), [0, 1, 2])
  })

  test('an iteration that nobody reads does not hold close() up', async () => {
    const pool = open()
    const unread = pool.imap(tasks.identity, [1])
    pool.close()
    await pool.join()
    assert.equal((await errorOf(unread.next(), UsageError)).code, 'ERR_INVALID_STATE')
  })

  test('priority', async () => {
    await using pool = open({ processes: 1 })
    const order: string[] = []
    const one = (name: string, priority: number): Promise<unknown> =>
      pool.run(tasks.later, [name, 10], { priority, timeout: 60_000 }).then((done) => order.push(String(done)))
    await Promise.all([one('first', 0), one('low', -1), one('high', 5), one('low 2', -1)])
    assert.deepEqual(
      order.filter((name) => name !== 'first'),
      ['high', 'low', 'low 2'],
    )
  })

  test('maxQueue', async () => {
    assert.throws(() => open({ maxQueue: 0 }), { code: 'ERR_INVALID_OPTION' }) // nothing could ever run
    await using pool = open({ processes: 1, maxQueue: 1 })
    const tasksInQueue = [pool.run(tasks.later, [1, 20]), pool.run(tasks.later, [2, 20])].map((one) =>
      one.catch((error) => error),
    )
    const results = await Promise.all(tasksInQueue)
    assert.equal(results[0], 1)
    assert.ok(results[1] instanceof ResourceError && results[1].code === 'ERR_QUEUE_FULL')
  })

  test('close finishes, terminate does not', async () => {
    const pool = open()
    const all = pool.map(tasks.identity, range(100))
    pool.close()
    assert.equal((await errorOf(pool.run(tasks.identity, [1]), UsageError)).code, 'ERR_INVALID_STATE')
    assert.deepEqual(await all, range(100))
    await pool.run(tasks.leaveTimer, []).catch(() => {})
    await pool.join()
    const other = open()
    const never = other.run(tasks.spin, [])
    const waiting = other.map(tasks.spin as never, range(10) as never)
    setTimeout(() => other.terminate(), 50)
    assert.equal((await errorOf(never, UsageError)).code, 'ERR_INVALID_STATE')
    assert.equal((await errorOf(waiting, UsageError)).code, 'ERR_INVALID_STATE')
    await other.join()
    assert.equal((await errorOf(open().join(), UsageError)).code, 'ERR_INVALID_STATE')
  })

  test('a task behind a long one is taken by a worker that is idle', async () => {
    await using pool = open()
    await pool.map(tasks.identity, range(10), { chunkSize: 1 })
    const stop = new AbortController()
    const long = assert.rejects(pool.run(tasks.spin, [], { signal: stop.signal }), { name: 'AbortError' })
    // Each worker is sent chunks ahead; those behind the long one must not wait for its end.
    const quick = await pool.map(tasks.identity, range(100), { chunkSize: 1 })
    assert.equal(quick.length, 100)
    stop.abort()
    await long
  })

  test('idle workers go', async () => {
    await using pool = open({ idleTimeout: 20 })
    await pool.map(tasks.identity, range(10))
    assert.ok(await until(() => pool.stats().workers.length === 0))
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  })

  test('big arguments', async () => {
    await using pool = open()
    const sizes = [0, 65_536, 16 * 1024 * 1024]
    assert.deepEqual(
      await pool.map(
        tasks.sizeOf,
        sizes.map((size) => new Uint8Array(size)),
      ),
      sizes,
    )
  })

  test('mistakes', async () => {
    await using pool = open()
    assert.throws(() => open({ procesess: 2 } as never), { code: 'ERR_UNKNOWN_OPTION' })
    assert.throws(() => open({ processes: 0 }), { code: 'ERR_INVALID_OPTION' })
    assert.throws(() => pool.imap(tasks.identity, 5 as never), { code: 'ERR_INVALID_ARGUMENT' })
    assert.throws(() => pool.imap((() => {}) as never, []), { code: 'ERR_INVALID_ARGUMENT' })
    assert.equal((await errorOf(pool.run(tasks.identity, 5 as never), UsageError)).code, 'ERR_INVALID_ARGUMENT')
    const missing = remote<{ gone: () => void }>(tasks.module).gone
    assert.equal((await errorOf(pool.run(missing, []), UsageError)).code, 'ERR_NOT_EXPORTED')
  })
})
