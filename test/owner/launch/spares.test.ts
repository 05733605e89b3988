// Runs in: the test runner. Spares: processes that run in one behave as any others do (the contract suites run on them,
// too: test/support/servers.ts), and none is lost, left behind or used twice.
import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { after, before, beforeEach, describe, test } from 'node:test'
import { ForkServer, ForkServerError, Process, ProtocolError, ResourceError } from 'forkserver'
import { SpareDemand } from '#src/owner/launch/spare-demand.js'
import { Spares } from '#src/owner/launch/spares.js'
import { launchNow } from '#src/owner/server/fork-server.js'
import { findNative } from '#src/platform/native.js'
import { errorOf, jobs, run } from '../../contract/contract.js'
import { descendants, isAlive, openDescriptors, until, watchLeaks } from '../../support/leaks.js'
import { requestOf } from './requests.js'

const SPARES = 2

/** How long a template may take to fork one that is asked for at once. */
const LIMIT_MS = 10_000

/** The living children of this server's template. */
const childrenOf = (server: ForkServer): number[] => descendants(server.pid).map((line) => Number(line.split(' ')[0]))

const parked = async (server: ForkServer, count = SPARES): Promise<void> =>
  assert.ok(await until(() => server.spares?.parked === count), `${server.spares?.parked} spares wait`)

watchLeaks()

describe('spares', () => {
  let server: ForkServer
  before(async () => {
    server = await ForkServer.start({ spares: SPARES, startMethod: 'forkserver' })
  })
  beforeEach(() => parked(server))
  after(() => server.close())

  test('a process runs in one of them, and another one is forked', async () => {
    const before = childrenOf(server)
    const { used } = server.spares!
    assert.ok(before.includes(await run(jobs.getPid, [], { server })))
    await parked(server)
    assert.equal(server.spares!.used, used + 1)
  })

  test('one that was killed is replaced, and no process is lost', async () => {
    const [victim] = childrenOf(server)
    process.kill(victim!, 'SIGKILL')
    // Without a turn of the event loop: the owner cannot know yet.
    assert.equal(await run(jobs.echo, ['x'], { server }), 'x')
    assert.ok(await until(() => !childrenOf(server).includes(victim!)))
    await parked(server)
  })

  test('one that is stopped takes no job for ever: it can be killed', async () => {
    for (const pid of childrenOf(server)) process.kill(pid, 'SIGSTOP')
    const stopped = await new Process(jobs.echo, ['x'], { server, timeout: 2_000 }).start()
    assert.equal((await errorOf(stopped.result, ForkServerError)).code, 'ERR_TIMEOUT')
    assert.equal((await stopped.join()).signal, 'SIGKILL')
    for (const pid of childrenOf(server)) process.kill(pid, 'SIGCONT')
  })

  test('one that is detached, or leads a session, is forked anew, if the process before was another kind', async () => {
    const { used } = server.spares!
    assert.equal(await run(jobs.echo, [1], { server, killTree: true }), 1)
    assert.equal(await run(jobs.echo, [2], { server, detached: true }), 2)
    assert.equal(server.spares!.used, used)
  })

  test('clocks count from the job', async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    const from = Date.now()
    const { uptime, origin, now } = await run(jobs.clocks, [], { server })
    const most = Date.now() - from + 50 // the clock of the wall is not exact
    assert.ok(uptime * 1_000 < most && now < most, `${uptime} s, ${now} ms`)
    assert.ok(origin > from - 50)
  })

  test('a timer of the job does not count from the birth', async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.ok((await run(jobs.waited, [200], { server })) >= 199)
  })

  test('two draw different random numbers', async () => {
    const drawn = await Promise.all([0, 1, 2, 3].map(() => run(jobs.randoms, [], { server })))
    assert.equal(new Set(drawn.flat()).size, drawn.flat().length)
  })

  test('a large job and a descriptor of the owner come whole', async () => {
    const file = openSync('/dev/null', 'r')
    const bytes = Buffer.alloc(3_000_000, 7)
    const { length } = await run(jobs.digest, [bytes], { server, stdio: ['ignore', 'ignore', 'inherit', file] })
    closeSync(file)
    assert.equal(length, bytes.length)
  })

  test('a descriptor that is not open is an error, and no spare is lost', async () => {
    const error = await errorOf(
      new Process(jobs.echo, [1], { server, stdio: [9_999, 'ignore', 'ignore'] }).start(),
      ResourceError,
    )
    assert.equal(error.code, 'ERR_RESOURCE')
    await parked(server)
  })

  test('restart() replaces them', async () => {
    const old = childrenOf(server)
    await server.restart()
    await parked(server)
    assert.ok(await until(() => old.every((pid) => !isAlive(pid))))
    assert.notEqual(await run(jobs.getPid, [], { server }), old[0])
  })

  test('the loss of the template ends them', async () => {
    const old = childrenOf(server)
    process.kill(server.pid!, 'SIGKILL')
    assert.ok(await until(() => old.every((pid) => !isAlive(pid))))
    assert.equal(await run(jobs.echo, ['x'], { server }), 'x')
  })
})

describe('spares that follow the load', () => {
  test('are none for the first process, then some; close() ends them', async () => {
    const server = await ForkServer.start({ startMethod: 'forkserver' })
    await run(jobs.echo, [1], { server })
    assert.deepEqual(server.spares, { parked: 0, used: 0, unused: 0 })
    await run(jobs.echo, [2], { server })
    await parked(server, 1)
    await server.close()
    assert.deepEqual(server.spares, { parked: 0, used: 0, unused: 1 })
  })

  test('are none for processes that differ from the one before', async () => {
    await using server = await ForkServer.start({ startMethod: 'forkserver' })
    for (let count = 0; count < 3; count++) {
      await run(jobs.echo, [count], { server, killTree: true })
      await run(jobs.echo, [count], { server, detached: true })
    }
    assert.deepEqual(server.spares, { parked: 0, used: 0, unused: 0 })
  })

  test('lead a session of their own if the last processes did', async () => {
    await using server = await ForkServer.start({ startMethod: 'forkserver' })
    const start = () => new Process(jobs.getSession, [], { server, killTree: true }).start()
    for (let count = 0; count < 2; count++) await (await start()).join()
    await parked(server, 1)
    const third = await start()
    assert.equal(await third.result, third.pid)
    assert.equal(server.spares!.used, 1)
    await third.join()
  })

  test('are let go when processes of another kind are started', async () => {
    await using server = await ForkServer.start({ startMethod: 'forkserver' })
    for (let count = 0; count < 2; count++) await run(jobs.echo, [count], { server })
    await parked(server, 1)
    const old = childrenOf(server)
    for (let count = 0; count < 2; count++) await run(jobs.echo, [count], { server, detached: true })
    await parked(server, 1)
    assert.ok(await until(() => old.every((pid) => !isAlive(pid))))
    await parked(server, 1) // before, it may have been the old one
    assert.deepEqual(server.spares, { parked: 1, used: 0, unused: 1 })
  })

  test('become processes that outlive their owner, and start without a turn of the event loop', async () => {
    await using server = await ForkServer.start({ startMethod: 'forkserver' })
    for (let count = 0; count < 3; count++) {
      const launched = server[launchNow](requestOf(jobs.echo, [count], { outlives: true }), LIMIT_MS)!
      assert.deepEqual(await launched.exited.then(({ exitCode, signal }) => [exitCode, signal]), [0, null])
      if (count === 1) await parked(server, 1)
    }
    assert.equal(server.spares!.used, 1)
  })

  test('spares: 0 keeps none', async () => {
    await using server = await ForkServer.start({ spares: 0, startMethod: 'forkserver' })
    for (let count = 0; count < 3; count++) await run(jobs.echo, [count], { server })
    assert.deepEqual(server.spares, { parked: 0, used: 0, unused: 0 })
  })

  test('a template that is lost at the moment of a fork leaves no descriptor open', async () => {
    const native = findNative()
    assert.ok('native' in native)
    const before = openDescriptors()
    const lost = new ProtocolError('ERR_CONNECTION_ENDED', 'The template is gone.')
    const connection = {
      isLost: false,
      forkSpare() {
        throw lost
      },
    }
    const spares = new Spares(native.native, new SpareDemand(1, 1), () => false)
    spares.serve({ connection } as unknown as Parameters<Spares['serve']>[0])
    await spares.fill()
    assert.deepEqual(openDescriptors(), before)
    await spares.close()
  })
})
