// Runs in: the test runner. Pool: input that is idle, ends badly, or gives its own call up. Every call is answered.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { type MapOptions, type Pool, UsageError } from 'forkserver'
import { errorOf } from './contract.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

const rejectionOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => assert.fail('It resolved.'),
    (error) => error,
  )

/** Sources that give some items, and then nothing more. */
const idleSources: Record<string, (items: readonly unknown[]) => AsyncIterable<unknown>> = {
  'an open stream': (items) => {
    const stream = new PassThrough({ objectMode: true })
    for (const item of items) stream.write(item)
    return stream
  },
  'an async generator': async function* (items) {
    yield* items
    await new Promise(() => {})
  },
  'an iterator without return()': (items) => {
    const all = items[Symbol.iterator]()
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const step = all.next()
          return step.done ? new Promise<never>(() => {}) : step
        },
      }),
    } as AsyncIterable<unknown>
  },
  'an iterator whose return() never answers': (items) => {
    const all = items[Symbol.iterator]()
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const step = all.next()
          return step.done ? new Promise<never>(() => {}) : step
        },
        return: () => new Promise<never>(() => {}),
      }),
    } as AsyncIterable<unknown>
  },
  'a list with a promise that never settles': (items) =>
    [...items, new Promise(() => {})] as unknown as AsyncIterable<unknown>,
}

/** Each way to ask for results of an input, as a promise of all. */
const calls: Record<
  string,
  (pool: Pool, task: 'fail' | 'identity', input: never, options?: MapOptions) => Promise<unknown>
> = {
  map: (pool, task, input, options) => pool.map(tasks[task] as typeof tasks.identity, input, options),
  imap: (pool, task, input, options) => collect(pool.imap(tasks[task] as typeof tasks.identity, input, options)),
  imapUnordered: (pool, task, input, options) =>
    collect(pool.imapUnordered(tasks[task] as typeof tasks.identity, input, options)),
}

poolContract('pool, input', ({ open }) => {
  for (const [name, sourceOf] of Object.entries(idleSources)) {
    for (const [by, ask] of Object.entries(calls)) {
      test(`${by} over ${name}: a task's error, an abort and the end of the pool come while it is idle`, async () => {
        await using pool = open()
        for (const chunkSize of [1, 10] as const)
          assert.equal((await rejectionOf(ask(pool, 'fail', sourceOf(['no']) as never, { chunkSize }))).message, 'no')
        const stop = new AbortController()
        const aborted = rejectionOf(ask(pool, 'identity', sourceOf([1, 2]) as never, { signal: stop.signal }))
        setTimeout(() => stop.abort(), 20)
        assert.equal((await aborted).name, 'AbortError')
        const terminated = rejectionOf(ask(pool, 'identity', sourceOf([]) as never))
        setTimeout(() => pool.terminate(), 20)
        assert.ok((await terminated) instanceof UsageError)
      })
    }

    test(`${name}: results come though their chunk is not full, and the reader may leave`, async () => {
      await using pool = open()
      for (const leave of [true, false]) {
        const results = pool.imap(tasks.identity, sourceOf(['a', 'b']) as never, { chunkSize: 50 })
        assert.deepEqual(
          [await results.next(), await results.next()].map(({ value }) => value),
          ['a', 'b'],
        )
        const pending = results.next()
        pending.catch(() => {}) // of a reader that forgets about it, it rejects when the pool is terminated
        if (!leave) continue
        await results.return!()
        assert.deepEqual(await pending, { done: true, value: undefined })
      }
    })
  }

  test('a source that fills one object again and again: each task gets its own item', async () => {
    await using pool = open()
    function* rows(): Generator<{ value: number }> {
      const row = { value: 0 }
      for (const value of range(500)) yield Object.assign(row, { value })
    }
    async function* later(): AsyncGenerator<{ value: number }> {
      yield* rows()
    }
    for (const input of [rows, later])
      for (const chunkSize of ['auto', 20] as const)
        assert.deepEqual(await pool.map(tasks.getValue, input(), { chunkSize }), range(500))
  })

  test('close() and join() do not wait for an idle source', async () => {
    const pool = open()
    const results = pool.imap(tasks.identity, idleSources['an open stream']!(['a', 'b']) as never)
    assert.equal((await results.next()).value, 'a')
    pool.close()
    await pool.join()
    assert.equal((await results.next()).value, 'b')
  })

  test('an iteration that is begun and not read on does not hold join() up, and can be read on', async () => {
    const pool = open({ processes: 1 })
    const results = pool.imap(tasks.identity, range(200), { chunkSize: 1, bufferSize: 0 })
    assert.equal((await results.next()).value, 0)
    pool.close()
    await pool.join()
    assert.deepEqual(await collect(results), range(200).slice(1))
    await pool.join()
  })

  test('a source that aborts its own call is read no further, whether it ends or not', async () => {
    await using pool = open()
    for (const isEndless of [true, false]) {
      for (const isAsync of [true, false]) {
        for (const [by, ask] of Object.entries(calls)) {
          const stop = new AbortController()
          let closed = 0
          function* items(): Generator<number> {
            try {
              for (let item = 0; isEndless || item < 10; item++) {
                if (item === 5) stop.abort()
                yield item
              }
            } finally {
              closed++
            }
          }
          async function* later(): AsyncGenerator<number> {
            yield* items()
          }
          const input = (isAsync ? later() : items()) as never
          const error = await rejectionOf(ask(pool, 'identity', input, { signal: stop.signal, chunkSize: 3 }))
          assert.equal(error.name, 'AbortError', by)
          await new Promise(setImmediate)
          assert.equal(closed, 1, `${by}, ${isAsync ? 'async' : 'sync'}, ${isEndless ? 'endless' : 'finite'}`)
        }
      }
    }
  })

  test('an input that breaks the rules of the language fails the call with TypeError', async () => {
    await using pool = open()
    const sync = (iterator: unknown): unknown => ({ [Symbol.iterator]: () => iterator })
    const later = (iterator: unknown): unknown => ({ [Symbol.asyncIterator]: () => iterator })
    for (const input of [
      sync(5),
      sync({ next: () => 5 }),
      sync({ next: 5 }),
      later({ next: async () => 5 }),
      later({ next: () => null }),
      later(undefined),
    ])
      for (const ask of Object.values(calls))
        assert.ok((await rejectionOf(ask(pool, 'identity', input as never))) instanceof TypeError)
  })

  test('an error of return() is the error of a break, and does not hide the error of a task', async () => {
    await using pool = open()
    const source = (end: () => unknown): never =>
      ({ [Symbol.iterator]: () => ({ next: () => ({ value: 'task' }), return: end }) }) as never
    const broken = (end: () => unknown): Promise<unknown> =>
      (async () => {
        for await (const _ of pool.imap(tasks.identity, source(end))) break
      })()
    const fail = (): never => {
      throw new Error('return')
    }
    assert.equal((await rejectionOf(broken(fail))).message, 'return')
    assert.ok((await rejectionOf(broken(() => 5))) instanceof TypeError)
    for (const end of [fail, () => 5])
      assert.equal((await rejectionOf(calls.map!(pool, 'fail', source(end)))).message, 'task')
  })

  test('an item that gives the call up while it is encoded', async () => {
    await using pool = open()
    const stop = new AbortController()
    const item = {
      get value() {
        stop.abort()
        return 1
      },
    }
    const error = await rejectionOf(pool.map(tasks.identity, [item] as never, { signal: stop.signal }))
    assert.equal(error.name, 'AbortError')
    const other = open()
    const closes = {
      get value() {
        other.terminate()
        return 1
      },
    }
    assert.equal((await errorOf(other.run(tasks.identity, [closes] as never), UsageError)).code, 'ERR_INVALID_STATE')
    await other.join()
  })
})
