// Runs in: the test runner. An owner is told of clients that its template refuses.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import { AuthKey, type ClientRefusedEvent, ForkServer, Process, program } from 'forkserver'
import { until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const CHANNEL = 'forkserver:client:refused'
const told: ClientRefusedEvent[] = []
const listener = (event: unknown): void => {
  told.push(event as ClientRefusedEvent)
}
const count = (): number => told.reduce((sum, event) => sum + event.count, 0)

beforeEach(() => {
  told.length = 0
  subscribe(CHANNEL, listener)
})
afterEach(() => unsubscribe(CHANNEL, listener))

test('a wrong key, and bytes that are no handshake', { timeout: 120_000 }, async () => {
  const server = await ForkServer.start({ transport: 'path' })
  await assert.rejects(ForkServer.connect(server.address!, AuthKey.generate()), { code: 'ERR_AUTH_REFUSED' })
  assert.ok(await until(() => told.length === 1))
  assert.deepEqual(told[0], {
    pid: server.pid,
    reason: 'it does not hold the key',
    clientPid: process.pid,
    clientUid: process.getuid!(),
    count: 1,
  })
  const sayNonsense = async (): Promise<void> => {
    const socket = connect((server.address as { path: string }).path)
    socket.on('error', () => {})
    socket.resume()
    socket.end(Buffer.alloc(64, 0xff))
    await once(socket, 'close')
  }
  await Promise.all([sayNonsense(), sayNonsense(), sayNonsense()])
  assert.ok(await until(() => count() === 4, 10_000), 'those of one second come together')
  assert.ok(told.length <= 3)
  assert.equal(told.at(-1)!.reason, 'it broke the protocol')
  const child = await new Process(program({ eval: '' }), [], { server, stdio: 'ignore' }).start()
  assert.equal((await child.join()).exitCode, 0)
  await server.close()
})

test('a client that holds the key is not told of', { timeout: 120_000 }, async () => {
  const server = await ForkServer.start({ transport: 'abstract' })
  const other = await ForkServer.connect(server.address!, server.key!)
  const child = await new Process(program({ eval: '' }), [], { server: other, stdio: 'ignore' }).start()
  await child.join()
  await other.close()
  await server.close()
  assert.deepEqual(told, [])
})
