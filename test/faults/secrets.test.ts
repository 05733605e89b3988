// Runs in: the test runner. The key is nowhere in a child: not in its memory, its arguments or its environment.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { roleKeys } from '#src/wire/auth/handshake.js'
import { watchLeaks } from '../support/leaks.js'
import { Gate } from './gate.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const memory = remote<typeof import('../fixtures/faults/memory.js')>(
  new URL('../fixtures/faults/memory.js', import.meta.url),
)
const MASK = 0xa5
const CONTROL = 'a text that the job itself puts into its memory'

const masked = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (byte) => byte ^ MASK)

describe('the key of a control socket', () => {
  let server: ForkServer
  let key: Buffer
  before(async () => {
    server = await ForkServer.start({ transport: 'abstract', preload: [jobs.module, memory.module] })
    key = server.key!.export()
  })
  after(() => server.close())

  test('is not in the memory of a child, nor is what is derived from it', async () => {
    await using _second = await ForkServer.connect(server.address!, key) // two handshakes were done
    const { answer, verify } = roleKeys(key, 'connector')
    const secrets = [key, answer, verify, Buffer.from(key.toString('hex')), Buffer.from(key.toString('base64'))]
    const needles = [...secrets.map(masked), masked(Buffer.from(CONTROL))]
    const p = await new Process(memory.search, [needles, MASK], { server, timeout: 120_000 }).start()
    const { bytes, found } = await p.result
    assert.ok(bytes > 20 * 1024 * 1024, `only ${bytes} bytes were searched`)
    assert.deepEqual(
      found.slice(0, -1),
      secrets.map(() => 0),
    )
    assert.ok(found.at(-1)! > 0, 'the search finds what is there')
  })

  test('is not in the arguments or the environment of the template or a child', async () => {
    using gate = new Gate()
    const p = await new Process(jobs.untilReleased, [], { server, stdio: gate.stdio }).start()
    const forms = (['hex', 'base64', 'base64url', 'latin1'] as const).map((encoding) => key.toString(encoding))
    for (const pid of [server.pid!, p.pid!]) {
      for (const file of ['cmdline', 'environ']) {
        const text = readFileSync(`/proc/${pid}/${file}`, 'latin1')
        assert.ok(!forms.some((form) => text.includes(form)), `${file} of ${pid}`)
      }
    }
    gate.open()
    await p.join()
  })

  test('is not printed, nor in what a child is told of its environment', async () => {
    const p = await new Process(jobs.environment, [], { server }).start()
    const told = JSON.stringify([await p.result, server.key, String(server.key), server.report])
    assert.ok(!told.includes(key.toString('hex')) && !told.includes(key.toString('base64')))
  })
})
