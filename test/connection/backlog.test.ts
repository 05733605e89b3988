// Runs in: the test runner. More clients than `backlog`: who waits in the kernel, who waits in the listener, and who is
// turned away.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from 'forkserver/connection'
import { connectWith } from '#src/connection/connect.js'
import { KEY, listenOn, ROUTES } from '../support/connections.js'
import { until, watchLeaks } from '../support/leaks.js'

watchLeaks()

for (const route of ROUTES) {
  test(`a full queue at ${route.name} keeps clients waiting, and loses none`, async () => {
    const { listener, close } = await listenOn(route, { backlog: 6 })
    const options = { authKey: KEY, timeout: 60_000 }
    const clients: Promise<Connection>[] = []
    while (clients.length < 12) {
      clients.push(connectWith(route.native, listener.address, options))
      await sleep(20) // at once, they would be more than the kernel's queue takes: TCP drops the end of some handshakes
    }
    const servers: Connection[] = []
    for await (const connection of listener) if (servers.push(connection) === clients.length) break
    for (const connection of [...(await Promise.all(clients)), ...servers]) await connection.close()
    await close()
  })
}

// With the addon, clients of a unix socket wait in the kernel. node:net takes them out, so the listener keeps them.
for (const route of ROUTES.filter(({ name }) => name.startsWith('IP') || name.endsWith('node:net'))) {
  for (const authKey of [KEY, null]) {
    const how = authKey ? 'with a handshake' : 'without one'
    test(`backlog bounds who waits for accept() at ${route.name}, ${how}`, async () => {
      const [backlog, total] = [3, 10]
      const { listener, close } = await listenOn(route, { backlog, authKey })
      const refused: Error[] = []
      listener.on('clientError', (error) => void refused.push(error))
      const answers: Promise<unknown>[] = []
      for (let count = 0; count < total; count++) {
        const connecting = connectWith(route.native, listener.address, { authKey, timeout: 60_000 })
        answers.push(connecting.then((client) => client.recv().finally(() => client.close())))
        answers.at(-1)!.catch(() => {}) // Promise.allSettled() below handles it
        await (count < backlog ? connecting : sleep(20))
      }
      // Three are ready, three wait behind them. One more may have come in before the third was ready.
      const least = total - 2 * backlog - 1
      assert.ok(await until(() => refused.length >= least), `${refused.length} were turned away`)
      for (const { message } of refused) assert.match(message, /others wait to be served already\. Call accept\(\)/)
      const rest = total - refused.length
      for (let count = 0; count < rest; count++) {
        const server = await listener.accept()
        await server.send('served')
        await server.close()
      }
      const served = (await Promise.allSettled(answers)).filter(({ status }) => status === 'fulfilled')
      assert.deepEqual([served.length, total - refused.length], [rest, rest])
      await close()
    })
  }
}
