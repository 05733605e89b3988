// Runs in: the test runner. A pool whose server closes, or whose template is stopped or killed: every wait has an end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer, Pool, remote } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const tasks = remote<typeof import('../fixtures/pool/tasks.js')>(new URL('../fixtures/pool/tasks.js', import.meta.url))
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error) => error.code,
  )

for (const startMethod of ['forkserver', 'spawn'] as const) {
  const start = (): Promise<ForkServer> => ForkServer.start({ startMethod, preload: [tasks.module] })

  test(`${startMethod}: a server closes though a pool with idle workers is open; the pool says so`, async () => {
    const server = await start()
    const pool = new Pool({ server, processes: 2, minProcesses: 2 })
    assert.deepEqual(await pool.map(tasks.identity, [1, 2, 3]), [1, 2, 3])
    await server.close()
    assert.equal(await codeOf(pool.run(tasks.identity, [1])), 'ERR_POOL_BROKEN')
    pool.close()
    await pool.join()
  })

  test(`${startMethod}: what a pool was asked for before the server closes is finished`, async () => {
    const server = await start()
    const pool = new Pool({ server, processes: 2 })
    await pool.run(tasks.identity, [1])
    const items = Array.from({ length: 20 }, () => 20)
    const results = pool.map(tasks.later as never, items as never, { chunkSize: 1 })
    const closed = server.close()
    assert.equal((await results).length, 20)
    await closed
    await pool[Symbol.asyncDispose]()
  })

  test(`${startMethod}: an iteration that is not read on does not keep its server open`, async () => {
    const server = await start()
    const pool = new Pool({ server, processes: 1 })
    const results = pool.imap(tasks.identity, Array.from({ length: 1_000 }).keys())
    assert.equal((await results.next()).value, 0)
    await server.close()
    await results.return!()
    await pool[Symbol.asyncDispose]()
  })
}

for (const isBusy of [true, false]) {
  test(`a stopped template: terminate() and join() of a pool that is ${isBusy ? 'busy' : 'idle'} end`, async () => {
    const server = await ForkServer.start({ preload: [tasks.module] })
    try {
      const pool = new Pool({ server, processes: 2 })
      await pool.map(tasks.identity, [1, 2, 3])
      process.kill(server.pid!, 'SIGSTOP')
      const running = isBusy ? [codeOf(pool.run(tasks.spin, [])), codeOf(pool.run(tasks.spin, []))] : []
      pool.terminate()
      await pool.join()
      for (const code of await Promise.all(running)) assert.equal(code, 'ERR_INVALID_STATE')
    } finally {
      process.kill(server.pid!, 'SIGCONT')
      await server.close({ children: 'kill' })
    }
  })
}

test('a stopped template: tasks of a worker that dies, and tasks that need a new worker, are answered', async () => {
  // It must not be given up, and replaced, while these tasks wait.
  const server = await ForkServer.start({ preload: [tasks.module], templateTimeout: 60_000 })
  try {
    await using pool = new Pool({ server, processes: 1 })
    await pool.run(tasks.identity, [1])
    process.kill(server.pid!, 'SIGSTOP')
    assert.equal(await codeOf(pool.run(tasks.leave, [3])), 'ERR_CHILD_DIED')
    assert.equal(await codeOf(pool.run(tasks.identity, [2], { timeout: 300 })), 'ERR_TIMEOUT')
    const late = codeOf(pool.run(tasks.spin, [], { timeout: 200 }))
    assert.equal(await late, 'ERR_TIMEOUT')
  } finally {
    process.kill(server.pid!, 'SIGCONT')
    await server.close({ children: 'kill' })
  }
})

test('a stopped template: a task that has its own process is answered in time, and the pool goes on', async () => {
  const server = await ForkServer.start({ preload: [tasks.module], templateTimeout: 60_000 })
  try {
    await using pool = new Pool({ server, processes: 1, isolate: 'task' })
    await pool.run(tasks.identity, [1])
    process.kill(server.pid!, 'SIGSTOP')
    const codes = [1, 2].map(() => codeOf(pool.run(tasks.identity, [2], { timeout: 200 })))
    assert.deepEqual(await Promise.all(codes), ['ERR_TIMEOUT', 'ERR_TIMEOUT'])
    process.kill(server.pid!, 'SIGCONT')
    assert.equal(await pool.run(tasks.identity, [3]), 3)
  } finally {
    process.kill(server.pid!, 'SIGCONT')
    await server.close({ children: 'kill' })
  }
})

test('a task that closes its job channel, and goes on, is ended', async () => {
  await using server = await ForkServer.start({ preload: [tasks.module] })
  for (const isolate of ['worker', 'task'] as const) {
    await using pool = new Pool({ server, processes: 1, isolate })
    const code = await codeOf(pool.run(tasks.closeDescriptors, []))
    assert.equal(code, 'ERR_CHILD_DIED')
    assert.equal(await pool.run(tasks.add, [1, 1]), 2)
  }
})
