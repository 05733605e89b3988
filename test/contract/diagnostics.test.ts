// Runs in: the test runner. What the diagnostics channels tell of processes and pools.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { type ChannelName, type DiagnosticsChannels, Process, program } from 'forkserver'
import { LOG_SECTIONS } from '#src/owner/diagnostics/events.js'
import { until } from '../support/leaks.js'
import { jobs, rejectionOf, throws } from './contract.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

type Told = { [N in ChannelName]: { name: N; event: DiagnosticsChannels[N] } }[ChannelName]

/** All that is published until it is disposed of. */
class Listening implements Disposable {
  readonly told: Told[] = []
  readonly #listeners = (Object.keys(LOG_SECTIONS) as ChannelName[]).map((name) => {
    const listener = (event: unknown): void => {
      this.told.push({ name, event } as Told)
    }
    subscribe(name, listener)
    return { name, listener }
  })

  of<N extends ChannelName>(name: N): DiagnosticsChannels[N][] {
    return this.told.filter((one) => one.name === name).map(({ event }) => event as DiagnosticsChannels[N])
  }

  get names(): string[] {
    return this.told.map(({ name }) => name.replace('forkserver:', ''))
  }

  [Symbol.dispose](): void {
    for (const { name, listener } of this.#listeners) unsubscribe(name, listener)
  }
}

const isDuration = (value: number | undefined): boolean => value !== undefined && value >= 0 && value < 600_000

poolContract('diagnostics channels', (site) => {
  const forks = site.way.name !== 'spawn'

  test('a process starts and exits', async () => {
    using listening = new Listening()
    const process = await new Process(jobs.echo, ['x'], { server: site.server, stdio: 'ignore' }).start()
    await process.join()
    const [start] = listening.of('forkserver:process:start')
    const [exit] = listening.of('forkserver:process:exit')
    assert.deepEqual(listening.names, ['process:start', 'process:exit'])
    const { durationMs: startMs, ...started } = start!
    const startMethod = forks ? 'forkserver' : 'spawn'
    assert.deepEqual(started, { id: exit!.id, pid: process.pid, startMethod, module: jobs.module, name: 'echo' })
    const { durationMs: lifeMs, cpuMs, maxRssBytes, ...exited } = exit!
    assert.deepEqual(exited, { id: start!.id, pid: process.pid, exitCode: 0, signal: null, error: undefined })
    assert.ok(isDuration(startMs) && isDuration(lifeMs))
    assert.equal(cpuMs !== undefined && cpuMs > 0, forks)
    assert.equal(maxRssBytes !== undefined && maxRssBytes > 2 ** 20, forks)
  })

  test('a program and an exit by a signal', async () => {
    using listening = new Listening()
    const options = { server: site.server, stdio: 'ignore' } as const
    const one = await new Process(program({ eval: 'setInterval(() => {}, 1000)' }), [], options).start()
    one.kill()
    await one.join()
    const [start] = listening.of('forkserver:process:start')
    const [exit] = listening.of('forkserver:process:exit')
    assert.deepEqual([start!.module, start!.name], ['[eval]', undefined])
    assert.deepEqual([exit!.exitCode, exit!.signal], [null, 'SIGKILL'])
  })

  test('a process that cannot be started', async () => {
    using listening = new Listening()
    const aborted = AbortSignal.abort(new Error('no'))
    const process = new Process(jobs.echo, ['x'], { server: site.server, stdio: [9_999, 'ignore', 'ignore'] })
    const error = await rejectionOf(process.start())
    assert.notEqual(error, aborted.reason)
    const [fail, ...more] = listening.of('forkserver:process:fail')
    assert.equal(more.length, 0)
    assert.deepEqual([fail!.module, fail!.name], [jobs.module, 'echo'])
    assert.equal(fail!.error, error)
    assert.ok(isDuration(fail!.durationMs))
  })

  test('an error of a job is no failure of its process', async () => {
    using listening = new Listening()
    const process = await new Process(throws.throwBuiltIn, ['RangeError'], {
      server: site.server,
      stdio: 'ignore',
    }).start()
    await rejectionOf(process.result)
    await process.join()
    assert.deepEqual(listening.names, ['process:start', 'process:exit'])
    assert.equal(listening.of('forkserver:process:exit')[0]!.exitCode, 1)
  })

  test('each task that was sent has one end, and the numbers of tasks agree', async () => {
    using listening = new Listening()
    const pool = site.open({ name: 'numbers' })
    await collect(pool.imap(tasks.identity, range(100), { chunkSize: 7 }))
    await assert.rejects(pool.run(tasks.fail, ['x']), { code: 'E_OWN' })
    await Promise.all(range(50).map((value) => pool.run(tasks.identity, [value])))
    pool.close()
    await pool.join()
    const starts = listening.of('forkserver:task:start')
    const ends = listening.of('forkserver:task:end')
    assert.deepEqual(new Set(starts.map(({ id }) => id)).size, starts.length)
    assert.deepEqual(ends.map(({ id }) => id).sort(), starts.map(({ id }) => id).sort())
    const sum = (field: 'completed' | 'failed'): number => ends.reduce((total, end) => total + end[field], 0)
    assert.deepEqual([sum('completed'), sum('failed')], [150, 1])
    for (const { completed, failed, requeued, tasks: count, pool: name, ...end } of ends) {
      assert.equal(completed + failed + requeued, count)
      assert.equal(name, 'numbers')
      assert.ok(isDuration(end.durationMs) && isDuration(end.waitMs))
      assert.equal(end.runMs === undefined, requeued > 0)
    }
    const wrong = ends.filter(({ failed }) => failed > 0)
    assert.deepEqual(
      wrong.map(({ name, error }) => [name, (error as { code?: string }).code]),
      [['fail', 'E_OWN']],
    )
    const calls = listening.of('forkserver:pool:call')
    assert.equal(calls.length, 52)
    const known = new Set(calls.map(({ call }) => call))
    for (const { call } of [...starts, ...ends]) assert.ok(known.has(call))
  })

  test('workers start and end', async () => {
    using listening = new Listening()
    const pool = site.open({ processes: 1, maxTasksPerChild: 1, name: 'two' })
    const pids = [await pool.run(tasks.pid, []), await pool.run(tasks.pid, [])]
    pool.close()
    await pool.join()
    assert.deepEqual(
      listening.of('forkserver:worker:start').map(({ durationMs: _, ...rest }) => rest),
      pids.map((pid, index) => ({ pool: 'two', worker: index + 1, pid })),
    )
    const ends = listening.of('forkserver:worker:end').map(({ durationMs: _, ...rest }) => rest)
    const end = { pool: 'two', wasReady: true, tasks: 1, exitCode: 0, signal: null }
    assert.deepEqual(
      ends.sort((one, other) => one.worker - other.worker),
      pids.map((pid, index) => ({ ...end, worker: index + 1, pid })),
    )
  })

  test('a worker dies: its task fails, and others are run again', async () => {
    using listening = new Listening()
    await using pool = site.open({ processes: 1 })
    const retried = pool.run(tasks.dieOnce, [site.newFile()], { retries: 1 })
    assert.equal(await retried, 'again')
    await assert.rejects(pool.run(tasks.leave, [3]), { exitCode: 3 })
    assert.ok(await until(() => listening.of('forkserver:worker:end').length === 2))
    const [requeue, ...more] = listening.of('forkserver:task:requeue')
    assert.equal(more.length, 0)
    assert.deepEqual([requeue!.name, requeue!.tasks], ['dieOnce', 1])
    assert.equal((requeue!.error as { code?: string }).code, 'ERR_CHILD_DIED')
    const ends = listening.of('forkserver:task:end').map(({ name, completed, failed, runMs }) => ({
      name,
      completed,
      failed,
      ran: runMs !== undefined,
    }))
    assert.deepEqual(ends, [
      { name: 'dieOnce', completed: 0, failed: 1, ran: false },
      { name: 'dieOnce', completed: 1, failed: 0, ran: true },
      { name: 'leave', completed: 0, failed: 1, ran: false },
    ])
  })

  test('a call is published in the context of its caller', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const listener = (): void => {
      seen.push(context.getStore())
    }
    subscribe('forkserver:pool:call', listener)
    try {
      await using pool = site.open()
      const calls = range(8).map((value) => context.run(`call ${value}`, () => pool.run(tasks.identity, [value])))
      await Promise.all(calls)
      assert.deepEqual(
        seen,
        range(8).map((value) => `call ${value}`),
      )
    } finally {
      unsubscribe('forkserver:pool:call', listener)
    }
  })

  test('a subscriber that starts tasks of the same pool', async () => {
    await using pool = site.open()
    const more: Promise<unknown>[] = []
    let asked = 0
    const listener = (): void => {
      if (asked < 5) more.push(pool.run(tasks.identity, [asked++]))
    }
    for (const name of ['forkserver:task:start', 'forkserver:task:end'] as const) subscribe(name, listener)
    try {
      assert.deepEqual(await pool.map(tasks.identity, range(20)), range(20))
      assert.deepEqual((await Promise.all(more)).sort(), range(5))
    } finally {
      for (const name of ['forkserver:task:start', 'forkserver:task:end'] as const) unsubscribe(name, listener)
    }
  })

  test('nobody listens any more', () => {
    for (const name of Object.keys(LOG_SECTIONS)) assert.equal(channel(name).hasSubscribers, false, name)
  })
})
