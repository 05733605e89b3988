// Runs in: the test runner. A template is killed: running children live on and deliver, what cannot be known fails as
// 'template lost' and never as an odd exit code, and the next start makes a new template.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, Process, remote, type StartOptions } from 'forkserver'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { Gate } from './gate.js'

watchLeaks()

/** A bound for what hangs; nothing comes near it. */
const LIMIT = { timeout: 240_000 }

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))

const start = (options: StartOptions = {}): Promise<ForkServer> =>
  ForkServer.start({ preload: [jobs.module], ...options })

async function echoes(server: ForkServer): Promise<void> {
  const p = await new Process(jobs.echo, ['here'], { server }).start()
  assert.equal(await p.result, 'here')
  assert.equal((await p.join()).exitCode, 0)
}

/** Kills the template, and waits until this process has noticed. */
async function loseTemplate(server: ForkServer): Promise<number> {
  const pid = server.pid!
  process.kill(pid, 'SIGKILL')
  await until(() => !existsSync(`/proc/${pid}`)) // Node has waited for it
  await sleep(50) // the end of the control socket is an event of the same turn
  return pid
}

/**
 * Kills the template and waits, without a turn of the event loop, until all its threads are gone: then its sockets are
 * closed.
 */
function loseTemplateUnnoticed(server: ForkServer): number {
  const pid = server.pid!
  process.kill(pid, 'SIGKILL')
  for (const end = performance.now() + 3_000; isAlive(pid) && performance.now() < end; );
  return pid
}

describe('children of a template that was killed', LIMIT, () => {
  test('deliver their results, and join gives the code that they left with', async () => {
    await using server = await start()
    using gate = new Gate()
    const run = [0, 7, 255].map(
      (code) => new Process(jobs.untilReleased, [`left with ${code}`, code], { server, stdio: gate.stdio }),
    )
    await Promise.all(run.map((p) => p.start()))
    await loseTemplate(server)
    assert.ok(
      run.every((p) => p.alive && isAlive(p.pid!)),
      'they live on',
    )
    gate.open()
    assert.deepEqual(await Promise.all(run.map(({ result }) => result)), [
      'left with 0',
      'left with 7',
      'left with 255',
    ])
    const exits = await Promise.all(run.map((p) => p.join()))
    assert.deepEqual(
      exits.map(({ exitCode, signal }) => [exitCode, signal]),
      [
        [0, null],
        [7, null],
        [255, null],
      ],
    )
    assert.ok(run.every((p) => !p.alive))
  })

  test('that are killed: join and result reject with ERR_TEMPLATE_LOST', async () => {
    await using server = await start()
    const p = await new Process(jobs.idle, [], { server, stdio: 'ignore' }).start()
    await loseTemplate(server)
    process.kill(p.pid!, 'SIGKILL')
    await assert.rejects(p.join(), { name: 'TemplateError', code: 'ERR_TEMPLATE_LOST' })
    await assert.rejects(p.result, { name: 'TemplateError', code: 'ERR_TEMPLATE_LOST' })
    assert.equal(p.exitCode, null)
    assert.equal(p.signal, null)
  })

  test('can still be killed by their owner, and time limits still hold', async () => {
    await using server = await start()
    const killed = await new Process(jobs.spin, [], { server, stdio: 'ignore' }).start()
    const late = await new Process(jobs.idle, [], { server, stdio: 'ignore', timeout: 1_000 }).start()
    await loseTemplate(server)
    assert.equal(killed.kill(), true)
    await assert.rejects(killed.join(), { code: 'ERR_TEMPLATE_LOST' })
    assert.ok(await until(() => !isAlive(killed.pid!)))
    assert.equal(killed.kill(), false, 'a process that is gone is not told')
    await assert.rejects(late.result, { code: 'ERR_TIMEOUT' })
    assert.ok(await until(() => !isAlive(late.pid!)))
  })

  test('close() still waits for them, or kills them, as asked', async () => {
    for (const children of ['wait', 'kill'] as const) {
      const server = await start()
      using gate = new Gate()
      const p = await new Process(jobs.untilReleased, ['done'], { server, stdio: gate.stdio }).start()
      await loseTemplate(server)
      const closed = server.close({ children })
      if (children === 'wait') {
        await sleep(100)
        assert.ok(isAlive(p.pid!), 'it is waited for')
        gate.open()
        assert.equal(await p.result, 'done')
      }
      await closed
      assert.ok(await until(() => !isAlive(p.pid!)))
      await p.join().catch(() => {})
    }
  })

  test('that were killed while it could not hear it are killed all the same', async () => {
    await using server = await start()
    const run = [jobs.spin, jobs.idle].map((job) => new Process(job, [], { server, stdio: 'ignore' }))
    const late = new Process(jobs.spin, [], { server, stdio: 'ignore', timeout: 1_000 })
    await Promise.all([...run, late].map((p) => p.start()))
    process.kill(server.pid!, 'SIGSTOP')
    for (const p of run) assert.equal(p.kill(), true)
    await assert.rejects(late.result, { code: 'ERR_TIMEOUT' })
    await loseTemplate(server)
    for (const p of [...run, late]) {
      assert.ok(await until(() => !isAlive(p.pid!)), 'it lives on, and nobody will kill it')
      await p.join().catch(() => {})
    }
  })

  test('still die with their owner’s server', async () => {
    const server = await start()
    const p = await new Process(jobs.spin, [], { server, stdio: 'ignore' }).start()
    await loseTemplate(server)
    await server.close({ children: 'kill' })
    assert.ok(await until(() => !isAlive(p.pid!)))
    await assert.rejects(p.join(), { code: 'ERR_TEMPLATE_LOST' })
  })
})

describe('a template that is stopped', LIMIT, () => {
  test('does not keep its children from being killed', async () => {
    await using server = await start()
    const { pid } = server
    const killed = await new Process(jobs.spin, [], { server, stdio: 'ignore' }).start()
    const late = await new Process(jobs.spin, [], { server, stdio: 'ignore', timeout: 1_000 }).start()
    process.kill(pid!, 'SIGSTOP')
    killed.kill()
    await assert.rejects(late.result, { code: 'ERR_TIMEOUT' })
    const gone = await until(() => !isAlive(killed.pid!) && !isAlive(late.pid!))
    process.kill(pid!, 'SIGCONT')
    assert.ok(gone)
  })
})

describe('starts after the template was killed', LIMIT, () => {
  for (const transport of ['private', 'path', 'abstract'] as const) {
    test(`use a new template, transport ${transport}`, async () => {
      await using server = await start({ transport })
      for (let round = 0; round < 3; round++) {
        const lost = await loseTemplate(server)
        await echoes(server)
        assert.notEqual(server.pid, lost)
        assert.ok(isAlive(server.pid!))
      }
    })
  }

  for (const transport of ['path', 'abstract'] as const) {
    test(`the address and the key stay the same, transport ${transport}`, async () => {
      await using server = await start({ transport })
      const [address, key] = [server.address!, server.key!.export()]
      await loseTemplate(server)
      await echoes(server)
      assert.deepEqual(server.address, address)
      await using client = await ForkServer.connect(address, key)
      await echoes(client)
      assert.equal(client.pid, server.pid)
    })
  }

  test('at once, before the owner has noticed', async () => {
    await using server = await start()
    const lost = loseTemplateUnnoticed(server)
    await echoes(server)
    assert.notEqual(server.pid, lost)
  })

  test('many at once start one new template', async () => {
    await using server = await start()
    await loseTemplate(server)
    await Promise.all(Array.from({ length: 20 }, () => echoes(server)))
    const { pid } = server
    await echoes(server)
    assert.equal(server.pid, pid)
  })

  test('in flight when it is lost: each succeeds or fails as ERR_TEMPLATE_LOST', async () => {
    await using server = await start()
    for (let round = 0; round < 5; round++) {
      const run = Array.from({ length: 40 }, (_, id) => new Process(jobs.echo, [id], { server, stdio: 'ignore' }))
      const fates = run.map(async (p, id) => {
        try {
          await p.start()
          assert.equal(await p.result, id)
          const { exitCode, signal } = await p.join()
          assert.deepEqual([exitCode, signal], [0, null])
          return 'done'
        } catch (error) {
          return (error as { code?: string }).code ?? String(error)
        }
      })
      await sleep(round * 5)
      process.kill(server.pid!, 'SIGKILL')
      const odd = (await Promise.all(fates)).filter((fate) => fate !== 'done' && fate !== 'ERR_TEMPLATE_LOST')
      assert.deepEqual(odd, [])
      await echoes(server)
    }
  })
})

describe('a connected owner whose template was killed', LIMIT, () => {
  test('a start fails with a typed error, and works again once the server is back', async () => {
    await using server = await start({ transport: 'path' })
    await using client = await ForkServer.connect(server.address!, server.key!)
    using gate = new Gate()
    const running = await new Process(jobs.untilReleased, ['delivered', 3], {
      server: client,
      stdio: gate.stdio,
    }).start()
    await loseTemplate(server)
    const p = new Process(jobs.echo, [1], { server: client })
    await assert.rejects(p.start(), (error: Error & { code: string }) => {
      assert.match(error.code, /^ERR_(TEMPLATE_LOST|CONNECT)$/)
      return true
    })
    await assert.rejects(p.result, { name: /^(TemplateError|ResourceError)$/ })
    gate.open()
    assert.equal(await running.result, 'delivered')
    assert.equal((await running.join()).exitCode, 3)
    await echoes(server)
    await echoes(client)
  })
})
