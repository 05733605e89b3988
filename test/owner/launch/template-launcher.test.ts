// Runs in: the test runner. A job that cannot be encoded: whatever was asked for by then, nothing is left of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer } from 'forkserver'
import { launch, launchNow } from '#src/owner/server/fork-server.js'
import { jobs, rejectionOf, run } from '../../contract/contract.js'
import { descendants, openDescriptors, until, watchLeaks } from '../../support/leaks.js'
import { requestOf } from './requests.js'

/** How long a template may take to fork one that is asked for at once. */
const LIMIT_MS = 10_000

const failure = new Error('no memory is left for this job')

const failing = requestOf(jobs.echo, [1], {
  stdio: ['pipe', 'pipe', 'ignore'],
  env: {
    get NAME(): string {
      throw failure
    },
  },
})

watchLeaks()

test('a child that was asked for before leaves', async () => {
  await using server = await ForkServer.start({ startMethod: 'forkserver', spares: 0 })
  const before = openDescriptors()
  assert.equal(await rejectionOf(server[launch](failing)), failure)
  assert.equal(await run(jobs.echo, ['x'], { server }), 'x')
  assert.ok(await until(() => descendants(server.pid).length === 0))
  assert.ok(await until(() => openDescriptors().length === before.length), openDescriptors().join('\n'))
})

test('a spare is not used up', async () => {
  await using server = await ForkServer.start({ startMethod: 'forkserver', spares: 1 })
  assert.ok(await until(() => server.spares?.parked === 1))
  assert.equal(await rejectionOf(server[launch](failing)), failure)
  assert.deepEqual(server.spares, { parked: 1, used: 0, unused: 0 })
})

test('no child is asked for at once', async () => {
  await using server = await ForkServer.start({ startMethod: 'forkserver', spares: 0 })
  assert.throws(() => server[launchNow]({ ...failing, outlives: true }, LIMIT_MS), failure)
  assert.equal(descendants(server.pid).length, 0)
})
