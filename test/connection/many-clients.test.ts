// Runs in: the test runner. More honest clients at once than may be unproved: none is turned away.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectWith } from '#src/connection/connect.js'
import { KEY, listenOn, ROUTES } from '../support/connections.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const COUNT = 300

for (const route of ROUTES) {
  test(`a listener at ${route.name} takes ${COUNT} clients that connect in one turn`, {
    timeout: 120_000,
  }, async () => {
    const { listener, close } = await listenOn(route, { backlog: COUNT })
    const refused: Error[] = []
    listener.on('clientError', (error) => void refused.push(error))
    const options = { authKey: KEY, timeout: 60_000 }
    const clients = await Promise.allSettled(
      Array.from({ length: COUNT }, () => connectWith(route.native, listener.address, options)),
    )
    const failures = clients.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
    await Promise.all(clients.map((one) => one.status === 'fulfilled' && one.value.close()))
    await close()
    assert.deepEqual([failures, refused], [[], []])
  })
}
