// Runs in: the test runner. How a server closes, and what becomes of its processes: those that are attached, and the
// detached.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { type ForkServer, Process, type ProcessOptions, program, UsageError } from 'forkserver'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { waysFor } from '../support/servers.js'
import { errorOf, HANG_MS, jobs, run } from './contract.js'

watchLeaks()

for (const way of waysFor({ onTransports: true })) {
  describe(`closing: ${way.name}`, { timeout: HANG_MS }, () => {
    const withServer = async (body: (server: ForkServer) => Promise<void>): Promise<void> => {
      const { server, close } = await way.open()
      try {
        await body(server)
      } finally {
        await close()
      }
    }
    const startWaiting = (server: ForkServer, options: ProcessOptions = {}) =>
      new Process(jobs.waitForStdin, [], { server, stdio: ['pipe', 'ignore', 'inherit'], ...options }).start()

    test('waits for the processes, and takes no new ones', () =>
      withServer(async (server) => {
        const process = await startWaiting(server)
        let isClosed = false
        const closing = server.close().then(() => {
          isClosed = true
        })
        const late = new Process(jobs.echo, [1], { server })
        const error = await errorOf(late.start(), UsageError)
        assert.equal(error.code, 'ERR_INVALID_STATE')
        assert.match(error.message, /closed/)
        assert.equal(await process.result, 'waiting')
        assert.deepEqual([isClosed, process.alive], [false, true])
        process.stdin!.end()
        await closing
        assert.equal((await process.join()).exitCode, 0)
        assert.equal(
          (await errorOf(new Process(jobs.echo, [1], { server }).start(), UsageError)).code,
          'ERR_INVALID_STATE',
        )
      }))

    test('kills them where asked', () =>
      withServer(async (server) => {
        const process = await startWaiting(server)
        await server.close({ children: 'kill' })
        assert.equal((await process.join()).signal, 'SIGKILL')
      }))

    test('kills them where it waited before', () =>
      withServer(async (server) => {
        const process = await startWaiting(server)
        const waiting = server.close()
        await server.close({ children: 'kill' })
        await waiting
        assert.equal((await process.join()).signal, 'SIGKILL')
      }))

    test('at once where there are none, and as often as you like', () =>
      withServer(async (server) => {
        assert.equal(await run(jobs.echo, [1], { server }), 1)
        await Promise.all([server.close(), server.close()])
        await server.close()
        await server[Symbol.asyncDispose]()
      }))

    test('await using kills', async () => {
      let process: Process | undefined
      await withServer(async (opened) => {
        await using server = opened
        process = await startWaiting(server)
      })
      assert.equal((await process!.join()).signal, 'SIGKILL')
    })

    test('a process that is starting is either refused or part of it', () =>
      withServer(async (server) => {
        const process = new Process(jobs.echo, [1], { server, stdio: 'ignore' })
        const started = process.start().then(
          () => true,
          () => false,
        )
        const closing = server.close()
        if (await started) assert.equal(await process.result, 1)
        else assert.equal((await errorOf(process.result, Error)).name.length > 0, true)
        await closing
        assert.ok(process.pid === undefined || !isAlive(process.pid))
        await process.join().catch(() => {})
      }))

    test('a wrong policy is refused, and a misspelled option', () =>
      withServer(async (server) => {
        await errorOf(
          Promise.resolve().then(() => server.close({ children: 'murder' as never })),
          UsageError,
        )
        assert.equal(await run(jobs.echo, ['still open'], { server }), 'still open')
      }))

    test('a detached process has a session of its own', () =>
      withServer(async (server) => {
        const options = { server, stdio: 'ignore', detached: true } as const
        const detached = await new Process(jobs.getSession, [], options).start()
        assert.equal(await detached.result, detached.pid)
        assert.equal((await detached.join()).exitCode, 0)
        const attached = await new Process(jobs.getSession, [], { server, stdio: 'ignore' }).start()
        assert.notEqual(await attached.result, attached.pid)
        await attached.join()
      }))

    test('a detached process hears signals', () =>
      withServer(async (server) => {
        const code = "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 60_000); console.log('hears')"
        const options = { server, stdio: ['ignore', 'pipe', 'inherit'], detached: true } as const
        const detached = await new Process(program({ eval: code }), [], options).start()
        await once(detached.stdout!, 'data')
        detached.terminate()
        const { exitCode, signal } = await detached.join()
        assert.deepEqual([exitCode, signal], [7, null])
      }))

    test('a detached process outlives its server', async () => {
      let detached: Process | undefined
      await withServer(async (server) => {
        const stdio = ['ignore', 'pipe', 'inherit'] as const
        detached = await new Process(jobs.runForever, [], { server, stdio, detached: true }).start()
        await once(detached.stdout!, 'data')
        await server.close({ children: 'kill' })
      })
      const { pid } = detached!
      // The template leaves now, and with it whatever dies with it; and one round trip to a new server takes longer
      // than that.
      await withServer(async (server) => void (await run(jobs.echo, [1], { server })))
      assert.ok(isAlive(pid!))
      process.kill(pid!, 'SIGKILL')
      assert.ok(await until(() => !isAlive(pid!)))
      await errorOf(detached!.result, Error)
      await detached!.join().catch(() => {}) // without a template nobody can tell how it ended
      assert.equal(detached!.alive, false)
    })

    test('await using of a detached process leaves it alone', () =>
      withServer(async (server) => {
        let pid: number | undefined
        let kept: Process | undefined
        {
          await using detached = await startWaiting(server, { detached: true })
          pid = detached.pid
          kept = detached
        }
        assert.ok(isAlive(pid!))
        kept.stdin!.end()
        assert.equal((await kept.join()).exitCode, 0)
      }))
  })
}
