// Runs in: the test runner. What a template sends in one write with its answer to `attach` is for the next phase.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, test } from 'node:test'
import { type ClientRefusedEvent, ForkServer } from 'forkserver'
import { FakeTemplate } from '../../faults/fake-template.js'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const CHANNEL = 'forkserver:client:refused'
const usage = { userMicros: 0, systemMicros: 0, maxRssBytes: 0, minorFaults: 0, majorFaults: 0 }

describe('together with attached', { timeout: 60_000 }, () => {
  test('refused: it is told, and the server works', async () => {
    await using template = await FakeTemplate.open('exit', 'dies', process.pid)
    template.withAttached = [{ name: 'refused', reason: 1, uid: 7, peer: 8, count: 9 }]
    const told: ClientRefusedEvent[] = []
    const listener = (event: unknown): void => void told.push(event as ClientRefusedEvent)
    subscribe(CHANNEL, listener)
    try {
      const server = await ForkServer.connect(template.address, template.key)
      assert.deepEqual(
        told.map(({ clientPid, count }) => [clientPid, count]),
        [[8, 9]],
      )
      await server.close()
    } finally {
      unsubscribe(CHANNEL, listener)
    }
  })

  test('an answer that nobody waits for: connect() rejects', async () => {
    await using template = await FakeTemplate.open('exit', 'dies', process.pid)
    template.withAttached = [{ name: 'exited', id: 1, pid: 2, exitCode: 0, signal: 0, ...usage }]
    await assert.rejects(ForkServer.connect(template.address, template.key), {
      code: 'ERR_PROTOCOL',
      message: /exited for request 1/,
    })
  })
})
