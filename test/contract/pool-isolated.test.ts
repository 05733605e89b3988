// Runs in: the test runner. `isolate: 'task'`: a process for each task. All that a pool promises holds for it too.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChildError, type Pool, type PoolOptions, UsageError } from 'forkserver'
import { errorOf } from './contract.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

const LONG_MS = 60_000

/** The most spans that cover one moment. */
function mostAtATime(spans: readonly [bigint, bigint][]): number {
  const starts = spans.map(([start]) => start)
  return Math.max(...starts.map((at) => spans.filter(([start, end]) => start <= at && at < end).length))
}

poolContract("isolate: 'task'", (site) => {
  const open = (options: PoolOptions = {}): Pool => site.open({ isolate: 'task', ...options })
  // With these a worker starts before its task, and without them it gets the task with its start.
  const kinds: Record<string, PoolOptions> = {
    'started for its task': {},
    'started ahead, for an initializer': { initializer: tasks.initialise, initArgs: ['ready'] },
    'started ahead, for minProcesses': { minProcesses: 1 },
    'with a grace period': { gracePeriod: LONG_MS },
  }

  for (const [kind, options] of Object.entries(kinds)) {
    test(`no task meets another one, whatever is asked at a time: ${kind}`, async () => {
      await using pool = open(options)
      const count = site.way.name === 'spawn' ? 6 : 40
      assert.deepEqual(
        await pool.map(tasks.countRuns, range(count) as never),
        range(count).map(() => 1),
      )
      assert.deepEqual(await collect(pool.imap(tasks.identity, range(count))), range(count))
      assert.equal(new Set(await pool.map(tasks.pid, range(4) as never)).size, 4)
    })
  }

  test('at most as many tasks run at a time as the pool has processes', async () => {
    await using pool = open({ processes: 2 })
    const spans = await pool.map(
      tasks.span,
      range(10).map(() => 15),
    )
    assert.ok(mostAtATime(spans) <= 2, `${mostAtATime(spans)} at a time`)
  })

  test('a chunk has one task, so another size is refused', async () => {
    await using pool = open()
    assert.deepEqual(await pool.map(tasks.countRuns, [1, 2] as never, { chunkSize: 1 }), [1, 1])
    assert.equal(
      (await errorOf(pool.map(tasks.identity, [1], { chunkSize: 2 }), UsageError)).code,
      'ERR_INVALID_OPTION',
    )
    assert.throws(() => pool.imap(tasks.identity, [1], { chunkSize: 2 }), { code: 'ERR_INVALID_OPTION' })
  })

  test('a task knows its worker; a teardown runs behind it', async () => {
    const NOTE = site.newFile()
    const pool = open({ processes: 1, name: 'render', teardown: tasks.noteEnd, env: { ...process.env, NOTE } })
    const events: string[] = []
    pool.on('workerStart', ({ id }) => events.push(`start ${id}`))
    pool.on('workerEnd', ({ id }, { exitCode }) => events.push(`end ${id} ${exitCode}`))
    const seen = [await pool.run(tasks.who, []), await pool.run(tasks.who, [])]
    assert.deepEqual(
      seen.map(({ id, task, name, title }) => [id, task, name, title]),
      [
        [1, 1, 'render', 'render'],
        [2, 1, 'render', 'render'],
      ],
    )
    pool.close()
    await pool.join()
    await sleep(0)
    assert.deepEqual(events.sort(), ['end 1 0', 'end 2 0', 'start 1', 'start 2'])
    const ended = readFileSync(NOTE, 'utf8').trim().split('\n').map(Number)
    assert.deepEqual(ended.sort(), seen.map(({ pid }) => pid).sort())
  })

  test('values, large buffers and errors travel as ever', async () => {
    await using pool = open()
    const bytes = new Uint8Array(3 * 2 ** 20).fill(1)
    assert.deepEqual(await pool.run(tasks.describeBytes, [bytes]), ['Uint8Array', bytes.length, bytes.length])
    assert.deepEqual(await pool.run(tasks.identity, [bytes]), bytes)
    const value = { date: new Date(0), map: new Map([[1, new Set([2n])]]), nothing: undefined }
    assert.deepEqual(await pool.run(tasks.identity, [value]), value)
    await assert.rejects(pool.run(tasks.fail, ['as told']), { name: 'RangeError', message: 'as told', code: 'E_OWN' })
    await assert.rejects(pool.run(tasks.symbol, []), { code: 'ERR_CANNOT_CLONE' })
    assert.equal(await pool.run(tasks.add, [1, 2]), 3)
  })

  test('progress and captured output come with their task, before its result', async () => {
    await using pool = open({ stdio: 'capture' })
    const heard = new Map<number, string>()
    const onOutput = (part: Buffer, _stream: string, item: number): void => {
      heard.set(item, (heard.get(item) ?? '') + part)
    }
    const steps: unknown[] = []
    assert.equal(await pool.run(tasks.countTo, [3], { onProgress: (value) => steps.push(value) }), true)
    assert.deepEqual(
      steps,
      [1, 2, 3].map((step) => ({ step })),
    )
    assert.equal(await pool.run(tasks.countTo, [3]), false)
    await pool.map(tasks.write, ['one', 'two'], { onOutput })
    for (const [item, text] of ['one', 'two'].entries())
      for (const how of ['log', 'error', 'write', 'echo'])
        assert.ok(heard.get(item)!.includes(`${text} ${how}\n`), `${text} ${how}: ${heard.get(item)}`)
    heard.clear()
    await assert.rejects(pool.run(tasks.writeAndFail, ['failed'], { onOutput }), { message: 'failed' })
    assert.equal(heard.get(0), 'failed')
    heard.clear()
    await assert.rejects(pool.run(tasks.writeAndDie, ['last words'], { onOutput }), { code: 'ERR_CHILD_DIED' })
    assert.equal(heard.get(0), 'last words')
    let bytes = 0
    const size = 2 ** 20 + 1
    await pool.map(tasks.writeMuch, [size, size], { onOutput: (part) => (bytes += part.length) })
    assert.equal(bytes, 2 * size)
  })

  test('a task that dies fails alone, as often as it happens; retries run it again', async () => {
    await using pool = open()
    for (const how of ['exit', 'signal'] as const) {
      const error = await errorOf(pool.run(tasks.endIn, [how]), ChildError)
      assert.equal(error.code, 'ERR_CHILD_DIED')
      assert.match(error.message, /while it ran endIn\(\)/)
    }
    for (let i = 0; i < 4; i++) assert.equal((await errorOf(pool.run(tasks.leave, [3]), ChildError)).exitCode, 3)
    assert.equal(await pool.run(tasks.dieOnce, [site.newFile()], { retries: 1 }), 'again')
    assert.equal(await pool.run(tasks.add, [1, 2]), 3)
  })

  test('an answer that was sent is not lost, however its worker ends', async () => {
    await using dying = open({ teardown: tasks.dieAtEnd })
    assert.deepEqual(await dying.map(tasks.identity, range(4)), range(4))
    const hanging = open({ teardown: tasks.spinAtEnd, teardownTimeout: 100, processes: 1 })
    assert.deepEqual(await hanging.map(tasks.identity, range(3)), range(3))
    hanging.close()
    await hanging.join()
  })

  test('a task may wait for what keeps no process running, and what it leaves keeps none', async () => {
    await using pool = open()
    assert.equal(await pool.run(tasks.waitUnheld, [20]), 'waited')
    await pool.run(tasks.leaveTimer, [])
    pool.close()
    await pool.join()
  })

  test('a time limit holds from the start of the task; other tasks are not hit', async () => {
    await using pool = open({ processes: 2 })
    const late = errorOf(pool.run(tasks.spin, [], { timeout: 100 }), ChildError)
    assert.deepEqual(await pool.map(tasks.later as never, [1, 1, 1] as never, { timeout: LONG_MS }), [1, 1, 1])
    assert.equal((await late).code, 'ERR_TIMEOUT')
    for (let i = 0; i < 4; i++) {
      const error = await errorOf(pool.run(tasks.hang, ['wait'], { timeout: 30 }), ChildError)
      assert.match(error.message, /longer than its timeout of 30 ms/)
    }
    assert.equal(await pool.run(tasks.add, [1, 2], { timeout: LONG_MS }), 3)
  })

  test('a signal ends a task that starts or runs, and no other; the pool goes on', async () => {
    await using pool = open()
    for (const wait of [0, 0, 0, 0, 100]) {
      const stop = new AbortController()
      const stopped = pool.run(tasks.spin, [], { signal: stop.signal })
      const other = pool.run(tasks.add, [1, 2])
      if (wait > 0) await sleep(wait)
      stop.abort()
      await assert.rejects(stopped, { name: 'AbortError' })
      assert.equal(await other, 3)
    }
  })

  test('with a grace period a task is asked to stop', async () => {
    await using pool = open({ gracePeriod: LONG_MS })
    const file = site.newFile()
    const stop = new AbortController()
    const stopped = pool.run(tasks.untilAborted, [file], { signal: stop.signal })
    while (!existsSync(file)) await sleep(2)
    stop.abort()
    await assert.rejects(stopped, { name: 'AbortError' })
    while (!readFileSync(file, 'utf8').includes('AbortError')) await sleep(2)
  })

  test('a worker that cannot start breaks the pool, and says why', async () => {
    await using pool = open({ cwd: '/does/not/exist' })
    const error = await errorOf(pool.run(tasks.pid, []), ChildError)
    assert.equal(error.code, 'ERR_POOL_BROKEN')
  })

  test('terminate() ends what starts and what runs', async () => {
    const pool = open()
    const running = range(6).map(() => errorOf(pool.run(tasks.spin, []), UsageError))
    await sleep(5)
    pool.terminate()
    await pool.join()
    for (const error of await Promise.all(running)) assert.equal(error.code, 'ERR_INVALID_STATE')
    assert.deepEqual(pool.stats().workers, [])
  })
})
