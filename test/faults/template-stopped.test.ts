// Runs in: the test runner. A template that is stopped, as by SIGSTOP: every wait for it ends, and the next start uses
// a new one.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, Process, remote, type StartOptions } from 'forkserver'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { Gate } from './gate.js'

watchLeaks()

/** A bound for what hangs; nothing comes near it. */
const LIMIT = { timeout: 240_000 }
const TEMPLATE_TIMEOUT = 1_000

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))

const start = (options: StartOptions = {}): Promise<ForkServer> =>
  ForkServer.start({ preload: [jobs.module], templateTimeout: TEMPLATE_TIMEOUT, ...options })

function stop(server: ForkServer): number {
  process.kill(server.pid!, 'SIGSTOP')
  return server.pid!
}

const echo = (server: ForkServer): Process<typeof jobs.echo> =>
  new Process(jobs.echo, ['here'], { server, stdio: 'ignore' })

async function echoes(server: ForkServer): Promise<void> {
  const p = await echo(server).start()
  assert.equal(await p.result, 'here')
  assert.equal((await p.join()).exitCode, 0)
}

describe('a start from a template that is stopped', LIMIT, () => {
  test('fails with ERR_TEMPLATE_LOST, and the next one uses a new template', async () => {
    await using server = await start()
    const stopped = stop(server)
    const p = echo(server)
    await assert.rejects(p.start(), { name: 'TemplateError', code: 'ERR_TEMPLATE_LOST', message: /templateTimeout/ })
    await assert.rejects(p.result, { code: 'ERR_TEMPLATE_LOST' })
    await assert.rejects(p.join(), { code: 'ERR_TEMPLATE_LOST' })
    await echoes(server)
    assert.notEqual(server.pid, stopped)
    assert.ok(await until(() => !isAlive(stopped)), 'the stopped one is gone')
  })

  test('fails with ERR_TIMEOUT if the timeout of the process is shorter: it counts from start()', async () => {
    await using server = await start({ templateTimeout: 60_000 })
    const stopped = stop(server)
    const p = new Process(jobs.echo, [1], { server, timeout: 200, stdio: 'ignore' })
    await assert.rejects(p.start(), { name: 'ChildError', code: 'ERR_TIMEOUT' })
    await assert.rejects(p.result, { code: 'ERR_TIMEOUT' })
    process.kill(stopped, 'SIGCONT')
    await echoes(server)
    assert.equal(server.pid, stopped, 'it was only slow')
  })

  test('is ended by its signal', async () => {
    await using server = await start({ templateTimeout: 60_000 })
    const stopped = stop(server)
    const controller = new AbortController()
    const p = new Process(jobs.echo, [1], { server, signal: controller.signal, stdio: 'ignore' })
    const started = p.start()
    controller.abort()
    await assert.rejects(started, { name: 'AbortError' })
    process.kill(stopped, 'SIGCONT')
    await echoes(server)
  })

  test('those that were not sent yet use the new template; each of the others fails', async () => {
    await using server = await start()
    stop(server)
    const starts = await Promise.allSettled(Array.from({ length: 40 }, () => echo(server).start()))
    const failures = starts.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
    assert.deepEqual(new Set(failures), new Set(['ERR_TEMPLATE_LOST']))
    assert.ok(failures.length < starts.length, 'some had not been sent')
    for (const one of starts) if (one.status === 'fulfilled') assert.equal(await one.value.result, 'here')
  })

  for (const transport of ['path', 'abstract'] as const) {
    test(`the new template has the same address, transport ${transport}`, async () => {
      await using server = await start({ transport })
      stop(server)
      await assert.rejects(echo(server).start(), { code: 'ERR_TEMPLATE_LOST' })
      await echoes(server)
      await using client = await ForkServer.connect(server.address!, server.key!)
      await echoes(client)
    })
  }

  test('one that is continued in time has only been slow', async () => {
    await using server = await start({ templateTimeout: 20_000 })
    const stopped = stop(server)
    const started = echo(server).start()
    await sleep(300)
    process.kill(stopped, 'SIGCONT')
    assert.equal(await (await started).result, 'here')
    assert.equal(server.pid, stopped)
  })
})

describe('children of a template that is stopped', LIMIT, () => {
  test('deliver; join tells the code that the child said', async () => {
    await using server = await start()
    using gate = new Gate()
    const p = await new Process(jobs.untilReleased, ['done', 7], { server, stdio: gate.stdio }).start()
    stop(server)
    gate.open()
    assert.equal(await p.result, 'done')
    assert.equal((await p.join()).exitCode, 7)
  })

  test('that are killed: join rejects with ERR_TEMPLATE_LOST', async () => {
    await using server = await start()
    const p = await new Process(jobs.spin, [], { server, stdio: 'ignore' }).start()
    stop(server)
    assert.ok(p.kill())
    await assert.rejects(p.join(), { code: 'ERR_TEMPLATE_LOST' })
    await assert.rejects(p.result, { code: 'ERR_TEMPLATE_LOST' })
  })

  test('that live are no reason to give it up', async () => {
    await using server = await start()
    using gate = new Gate()
    const p = await new Process(jobs.untilReleased, ['done'], { server, stdio: gate.stdio }).start()
    const stopped = stop(server)
    await sleep(3 * TEMPLATE_TIMEOUT)
    assert.ok(isAlive(stopped))
    process.kill(stopped, 'SIGCONT')
    gate.open()
    assert.equal((await p.join()).exitCode, 0)
    assert.equal(server.pid, stopped)
  })
})

describe('closing a server whose template is stopped', LIMIT, () => {
  const ways: [name: string, close: (server: ForkServer) => Promise<void>][] = [
    ['close()', (server) => server.close()],
    ["close({ children: 'kill' })", (server) => server.close({ children: 'kill' })],
    ['asyncDispose', (server) => server[Symbol.asyncDispose]()],
  ]
  for (const [name, close] of ways) {
    test(`${name} ends, and the template with it`, async () => {
      const server = await start()
      const stopped = stop(server)
      await close(server)
      assert.ok(await until(() => !isAlive(stopped)))
    })
  }

  for (const [name, close] of ways.slice(1)) {
    test(`${name} ends, though children loop, or are stopped, or are being asked for`, async () => {
      const server = await start()
      const run = [jobs.spin, jobs.idle].map((job) => new Process(job, [], { server, stdio: 'ignore' }))
      await Promise.all(run.map((p) => p.start()))
      const stopped = stop(server)
      process.kill(run[1]!.pid!, 'SIGSTOP')
      const asked = echo(server)
        .start()
        .then(
          () => 'started',
          (error: { code: string }) => error.code,
        )
      await close(server)
      for (const p of run) {
        assert.ok(await until(() => !isAlive(p.pid!)))
        await assert.rejects(p.join(), { code: 'ERR_TEMPLATE_LOST' })
      }
      assert.match(await asked, /^ERR_(TEMPLATE_LOST|INVALID_STATE)$/)
      assert.ok(await until(() => !isAlive(stopped)))
    })
  }
})

describe('a connected owner whose template is stopped', LIMIT, () => {
  test('gives up its connection, and does not kill what another process started', async () => {
    await using server = await start({ transport: 'path', templateTimeout: 60_000 })
    const options = { templateTimeout: TEMPLATE_TIMEOUT }
    await using client = await ForkServer.connect(server.address!, server.key!, options)
    const stopped = stop(server)
    await assert.rejects(echo(client).start(), { code: 'ERR_TEMPLATE_LOST' })
    process.kill(stopped, 'SIGCONT')
    await echoes(client)
    await echoes(server)
    assert.equal(server.pid, stopped)
  })
})

test('close() of a server whose template is stopped ends, also while a spare waits', LIMIT, async () => {
  for (const children of ['wait', 'kill'] as const) {
    const server = await start({ spares: 1 })
    assert.ok(await until(() => server.spares!.parked === 1))
    const stopped = stop(server)
    await server.close({ children })
    assert.ok(await until(() => !isAlive(stopped)))
  }
})
