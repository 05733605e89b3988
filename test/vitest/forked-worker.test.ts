// Runs in: the test runner. The start and the end of a forked process, as vitest calls them; vitest is none, and so the
// process fails, or waits. test/vitest/same-results.slow.test.ts has vitest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer } from 'forkserver'
import { ForkedWorker } from '#src/vitest/forked-worker.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { FakeVitest } from './fake-vitest.js'

const LIMIT = { timeout: 60_000 }

watchLeaks()

const vitest = new FakeVitest()

function make(server: ForkServer, distPath = '/there/is/no/vitest'): { worker: ForkedWorker; limits(): number[] } {
  const worker = new ForkedWorker('forkserver', vitest.options({ distPath }), server)
  return { worker, limits: () => vitest.outputs.map((output) => output.getMaxListeners()) }
}

test('one more may listen to the outputs while it runs', LIMIT, async () => {
  const server = await ForkServer.start()
  const { worker, limits } = make(server)
  const before = limits()
  const exited = new Promise((resolve) => worker.on('exit', resolve))
  worker.on('error', () => {})
  await worker.start()
  assert.deepEqual(
    limits(),
    before.map((limit) => limit + 1),
  )
  await worker.stop()
  await exited
  assert.deepEqual(limits(), before)
  await worker.stop()
  assert.deepEqual(limits(), before, 'it was stopped twice')
  await server.close()
})

test('one that could not be started can be stopped', LIMIT, async () => {
  const server = await ForkServer.start()
  await server.close()
  const { worker, limits } = make(server)
  const before = limits()
  await assert.rejects(worker.start(), { code: 'ERR_INVALID_STATE' })
  await worker.stop()
  assert.deepEqual(limits(), before)
})

test('one whose template dies when nobody listens any more is no unhandled rejection', LIMIT, async () => {
  const unhandled: unknown[] = []
  const note = (error: unknown): number => unhandled.push(error)
  process.on('unhandledRejection', note)
  const server = await ForkServer.start()
  const { worker } = make(server, vitest.distPath)
  const errors: unknown[] = []
  const onError = (error: unknown): number => errors.push(error)
  worker.on('error', onError)
  const told = new Promise<{ pid: number }>((resolve) => worker.on('message', resolve))
  await worker.start()
  const { pid } = await told
  worker.off('error', onError)
  process.kill(server.pid!, 'SIGKILL')
  await worker.stop()
  assert.ok(await until(() => !isAlive(pid)))
  await new Promise(setImmediate)
  process.off('unhandledRejection', note)
  assert.deepEqual([unhandled, errors], [[], []])
  await server.close()
})
