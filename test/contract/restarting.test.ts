// Runs in: the test runner. restart(): processes load what is on disk by then, and those that run are not disturbed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pool, Process, remote, UsageError } from 'forkserver'
import { until } from '../support/leaks.js'
import { ModuleFolder, type Versioned } from '../support/modules.js'
import { contractOnTransports, errorOf, jobs, run } from './contract.js'
import { tasks } from './pool-tools.js'

contractOnTransports('restart()', (site) => {
  const folder = new ModuleFolder()
  const isConnected = site.way.name.includes('connected')
  const spawns = site.way.name === 'spawn'

  /** A server of this way that preloads a module, and what tells its version. */
  const open = async () => {
    const module = folder.writeVersion('jobs.mjs', 'old')
    const reference = remote<Versioned>(module)
    const { server, close } = await site.way.open({ preload: [module] })
    return { reference, server, [Symbol.asyncDispose]: close }
  }

  if (isConnected) {
    test('a server that connect() made does not own its template', async () => {
      const error = await errorOf(site.server.restart(), UsageError)
      assert.equal(error.code, 'ERR_UNSUPPORTED')
      assert.equal(await run(jobs.echo, ['x'], { server: site.server }), 'x')
    })
    return
  }

  test('processes that start later have the new modules', async () => {
    await using opened = await open()
    const { server, reference } = opened
    const { pid } = server
    assert.equal(await run(reference.version, [], { server }), 'old')
    folder.writeVersion('jobs.mjs', 'new')
    await server.restart()
    assert.equal(await run(reference.version, [], { server }), 'new')
    if (spawns) assert.equal(server.pid, undefined)
    else assert.ok(server.pid !== pid && server.report!.pid === server.pid)
  })

  test('a process that runs lives on, delivers, and its exit is known', async () => {
    await using opened = await open()
    const { server } = opened
    const options = { server, stdio: ['pipe', 'ignore', 'inherit'] } as const
    const process = await new Process(jobs.waitForStdin, [], options).start()
    assert.equal(await process.result, 'waiting')
    await server.restart()
    await server.restart()
    assert.equal(process.alive, true)
    process.stdin!.end()
    const { exitCode, usage } = await process.join()
    assert.equal(exitCode, 0)
    assert.equal(usage !== undefined, !spawns)
  })

  test('close() waits for processes that are older than the template', async () => {
    const opened = await open()
    const { server } = opened
    const process = await new Process(jobs.echoLater, ['x'], { server, stdio: 'ignore' }).start()
    await server.restart()
    await server.close()
    assert.equal(process.alive, false)
    assert.equal(await process.result, 'x')
    assert.equal((await errorOf(server.restart(), UsageError)).code, 'ERR_INVALID_STATE')
  })

  test('a pool goes on with new workers; no task is lost', async () => {
    await using opened = await open()
    const { server, reference } = opened
    await using pool = new Pool({ server, processes: 2, minProcesses: 2 })
    assert.equal(await pool.run(reference.version, []), 'old')
    const pids = new Set(await pool.map(tasks.pid, Array(20)))
    const running = pool.run(tasks.later, ['slow', 200])
    folder.writeVersion('jobs.mjs', 'new')
    await server.restart()
    const results = await Promise.all(Array.from({ length: 20 }, () => pool.run(tasks.pid, [])))
    assert.equal(await running, 'slow')
    assert.ok(await until(() => !pool.stats().workers.some(({ pid }) => pids.has(pid!))), 'old workers leave')
    assert.equal(results.length, 20)
    assert.equal(await pool.run(reference.version, []), 'new')
    const { failed, rescheduled } = pool.stats()
    assert.deepEqual([failed, rescheduled], [0, 0])
  })

  test('idle workers are replaced, too', async () => {
    await using opened = await open()
    const { server } = opened
    await using pool = new Pool({ server, processes: 1, minProcesses: 1 })
    const old = await pool.run(tasks.pid, [])
    await server.restart()
    assert.ok(
      await until(() => {
        const [worker] = pool.stats().workers
        return worker?.pid !== undefined && worker.pid !== old
      }),
    )
    assert.notEqual(await pool.run(tasks.pid, []), old)
  })

  test('starts meanwhile are served', async () => {
    await using opened = await open()
    const { server } = opened
    const restarted = server.restart()
    const results = await Promise.all(Array.from({ length: 8 }, (_, index) => run(jobs.echo, [index], { server })))
    assert.deepEqual(results, [0, 1, 2, 3, 4, 5, 6, 7])
    await restarted
  })
})
