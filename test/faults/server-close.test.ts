// Runs in: the test runner. Closing a server: it waits for its children or kills them, twice is once, and a start that
// is under way comes to a clear end.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, Process, remote, type StartOptions } from 'forkserver'
import { descendants, isAlive, until, watchLeaks } from '../support/leaks.js'
import { Gate } from './gate.js'
import { killIfAlive } from './owner.js'

watchLeaks()

/** A bound for what hangs; nothing comes near it. */
const LIMIT = { timeout: 60_000 }

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const METHODS: [name: string, options: StartOptions][] = [
  ['forkserver', { preload: [jobs.module] }],
  ['spawn', { startMethod: 'spawn' }],
]

for (const [name, options] of METHODS) {
  describe(`close(), start method ${name}`, LIMIT, () => {
    test('of a server that started nothing', async () => {
      const before = descendants()
      const server = await ForkServer.start(options)
      await server.close()
      assert.ok(await until(() => descendants().length === before.length))
    })

    test('waits for its children', async () => {
      const server = await ForkServer.start(options)
      using gate = new Gate()
      const p = await new Process(jobs.untilReleased, ['done', 5], { server, stdio: gate.stdio }).start()
      let isClosed = false
      const closed = server.close().then(() => {
        isClosed = true
      })
      await sleep(200)
      assert.ok(!isClosed && p.alive)
      gate.open()
      await closed
      assert.equal(await p.result, 'done')
      assert.equal((await p.join()).exitCode, 5)
    })

    test('kills its children, also one that loops and one that ignores SIGTERM', async () => {
      const server = await ForkServer.start(options)
      const run = [jobs.spin, jobs.deaf, jobs.idle].map((job) => new Process(job, [], { server, stdio: 'ignore' }))
      await Promise.all(run.map((p) => p.start()))
      await server.close({ children: 'kill' })
      for (const p of run) {
        const { exitCode, signal } = await p.join()
        assert.deepEqual([exitCode, signal], [null, 'SIGKILL'])
        await assert.rejects(p.result, { name: 'ChildError', code: 'ERR_CHILD_DIED', signal: 'SIGKILL' })
      }
    })

    test('that waits turns into one that kills when it is asked again', async () => {
      const server = await ForkServer.start(options)
      const p = await new Process(jobs.spin, [], { server, stdio: 'ignore' }).start()
      const waits = server.close()
      const kills = server.close({ children: 'kill' })
      await Promise.all([waits, kills])
      assert.equal((await p.join()).signal, 'SIGKILL')
    })

    test('twice, and at the same time, is once', async () => {
      const server = await ForkServer.start(options)
      await Promise.all([server.close(), server.close()])
      await server.close({ children: 'kill' })
      await server[Symbol.asyncDispose]()
    })

    test('a start on a closed server: UsageError ERR_INVALID_STATE', async () => {
      const server = await ForkServer.start(options)
      const closing = server.close()
      const before = new Process(jobs.echo, [1], { server }).start()
      await assert.rejects(before, { name: 'UsageError', code: 'ERR_INVALID_STATE' })
      await closing
      await assert.rejects(new Process(jobs.echo, [1], { server }).start(), { code: 'ERR_INVALID_STATE' })
    })

    test('lets detached children live', async () => {
      const server = await ForkServer.start(options)
      const p = await new Process(jobs.idle, [], { server, stdio: 'ignore', detached: true }).start()
      try {
        await server.close({ children: 'kill' })
        assert.ok(!(await until(() => !isAlive(p.pid!), 300)))
      } finally {
        killIfAlive(p.pid)
      }
      await p.join().catch(() => {})
    })

    for (const children of ['wait', 'kill'] as const) {
      test(`children: ${children}, while starts are under way: none is lost`, async () => {
        const server = await ForkServer.start(options)
        const run = Array.from({ length: 30 }, (_, id) => new Process(jobs.echo, [id], { server, stdio: 'ignore' }))
        const starts = run.map((p) =>
          p.start().then(
            () => 'started',
            (error: { code: string }) => error.code,
          ),
        )
        if (children === 'kill') await sleep(5)
        await server.close({ children })
        const fates = await Promise.all(starts)
        assert.deepEqual(
          fates.filter((fate) => fate !== 'started' && fate !== 'ERR_INVALID_STATE'),
          [],
        )
        const ends = run
          .filter((_, id) => fates[id] === 'started')
          .map(async (p) => {
            const { exitCode, signal } = await p.join()
            return signal ?? exitCode
          })
        const odd = (await Promise.all(ends)).filter((end) => end !== 0 && !(children === 'kill' && end === 'SIGKILL'))
        assert.deepEqual(odd, [])
      })
    }
  })
}

describe('close() while the template is started anew', LIMIT, () => {
  test('waits for it, and leaves nothing', async () => {
    const before = descendants()
    const server = await ForkServer.start({ preload: [jobs.module], transport: 'path' })
    process.kill(server.pid!, 'SIGKILL')
    await until(() => !isAlive(server.pid!))
    await sleep(50)
    const p = new Process(jobs.echo, [1], { server })
    const started = p.start().then(
      () => 'started',
      (error: { code: string }) => error.code,
    )
    await sleep(20)
    await server.close({ children: 'kill' })
    assert.match(await started, /^(started|ERR_INVALID_STATE|ERR_TEMPLATE_LOST)$/)
    await p.join().catch(() => {})
    assert.ok(await until(() => descendants().length === before.length))
  })
})
