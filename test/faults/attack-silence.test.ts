// Runs in: the test runner. Clients that connect and say nothing, more of them than the template keeps: honest owners
// go on, new ones get in, and the silent ones are dropped.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ForkServer } from 'forkserver'
import { HANDSHAKE_TIMEOUT_MS, MAX_UNPROVED } from '#src/template/clients.js'
import { until, watchLeaks } from '../support/leaks.js'
import { Battlefield } from './attacks.js'
import type { RawClient } from './raw-client.js'

watchLeaks()

const WAVE = MAX_UNPROVED
const WAVES = 3

for (const transport of ['path', 'abstract'] as const) {
  describe(`silent clients, transport ${transport}`, () => {
    let field: Battlefield
    const silent: RawClient[] = []
    before(async () => {
      field = await Battlefield.open(transport)
    })
    after(async () => {
      for (const client of silent.splice(0)) client.end()
      await field.close()
    })

    const openCount = (): number => silent.filter(({ isClosed }) => !isClosed).length

    test(`${WAVE * WAVES} of them: the oldest are dropped, children keep starting`, async () => {
      for (let wave = 0; wave < WAVES; wave++) {
        const work = field.honestWork()
        for (let index = 0; index < WAVE; index++) silent.push(field.connect())
        await work
        // Each one was challenged, so it was accepted
        await Promise.all(silent.slice(-WAVE).map((client) => client.next()))
        await until(() => openCount() <= MAX_UNPROVED)
        assert.equal(openCount(), MAX_UNPROVED)
        assert.ok(
          silent.slice(0, -WAVE).every(({ isClosed }) => isClosed),
          'the oldest were dropped',
        )
      }
    })

    test('a new honest owner gets in while the room is full of them', async () => {
      assert.equal(openCount(), MAX_UNPROVED)
      await using newcomer = await ForkServer.connect(field.address, field.key)
      assert.equal(newcomer.pid, field.template)
    })

    test('they are dropped at their deadline, without anything else to wake the template', async () => {
      assert.ok(await until(() => openCount() === 0, HANDSHAKE_TIMEOUT_MS + 3_000))
      await field.checkUnharmed()
    })
  })
}
