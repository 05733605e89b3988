// Runs in: the test runner. The start and the end of a forked process, as vitest calls them; vitest is none, and so the
// process fails. test/vitest/same-results.slow.test.ts has vitest.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { ForkServer } from 'forkserver'
import { ForkedWorker } from '#src/vitest/forked-worker.js'
import type { Vitest } from '#src/vitest/vitest-types.js'
import { watchLeaks } from '../support/leaks.js'

const LIMIT = { timeout: 60_000 }

watchLeaks()

interface Made {
  worker: ForkedWorker
  /** How many listeners the outputs may have. */
  limits(): number[]
}

function make(server: ForkServer): Made {
  const outputs = [new PassThrough(), new PassThrough()] as const
  const logger = { outputStream: outputs[0], errorStream: outputs[1], warn(): void {} }
  const vitest: Vitest = {
    version: '0.0.0',
    config: { watch: false },
    state: { getPaths: () => [] },
    logger,
    onClose() {},
  }
  const options = {
    distPath: '/there/is/no/vitest',
    project: { vitest, config: { root: '/', maxWorkers: 1 } },
    environment: { name: 'node', options: null },
    execArgv: [],
    env: process.env,
  }
  const worker = new ForkedWorker('forkserver', options, server)
  return { worker, limits: () => outputs.map((output) => output.getMaxListeners()) }
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
