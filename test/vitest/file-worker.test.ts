// Runs in: the test runner. What vitest gets for one test file: a forked process, or else one of vitest's own. This
// vitest is none.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer } from 'forkserver'
import { FileWorker } from '#src/vitest/file-worker.js'
import { checkPoolSettings } from '#src/vitest/pool-settings.js'
import { TestTemplates } from '#src/vitest/test-templates.js'
import { watchLeaks } from '../support/leaks.js'
import { FakeVitest } from './fake-vitest.js'

const LIMIT = { timeout: 60_000 }

/** Templates with this server. */
class GivenTemplates extends TestTemplates {
  readonly #server: ForkServer | undefined

  constructor(server: ForkServer | undefined) {
    super(checkPoolSettings({}))
    this.#server = server
  }

  override serverFor(): Promise<ForkServer | undefined> {
    return Promise.resolve(this.#server)
  }
}

describe('one test file', LIMIT, () => {
  watchLeaks()
  const vitest = new FakeVitest()

  for (const fileTimeout of [undefined, 60_000])
    test(`runs in vitest's own process if it cannot be forked, with fileTimeout ${fileTimeout}`, async () => {
      vitest.warnings.length = 0
      const server = await ForkServer.start()
      await server.close()
      const worker = new FileWorker('forkserver', vitest.options(), new GivenTemplates(server), fileTimeout)
      await worker.start()
      assert.equal(vitest.warnings.length, 1)
      assert.match(vitest.warnings[0]!, /A test file runs in a process of vitest's own, because This server is closed/)
      worker.send({})
      await worker.stop()
    })

  test('is forked, if there is a server', async () => {
    vitest.warnings.length = 0
    const server = await ForkServer.start()
    const worker = new FileWorker('forkserver', vitest.options(), new GivenTemplates(server), undefined)
    await worker.start()
    const told = new Promise<{ pid: number }>((resolve) => worker.on('message', resolve))
    assert.notEqual((await told).pid, process.pid)
    await worker.stop()
    await server.close()
    assert.deepEqual(vitest.warnings, [])
  })

  test("runs in vitest's own process if there is none", async () => {
    const worker = new FileWorker('forkserver', vitest.options(), new GivenTemplates(undefined), undefined)
    await worker.start()
    await worker.stop()
  })
})
