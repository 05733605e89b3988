// Runs in: the test runner. A client that passes descriptors which no message takes: they are closed as they come, in a
// handshake and later, whatever this side waits for.
import assert from 'node:assert/strict'
import { openSync, readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, pipe } from 'forkserver/connection'
import { Inbox } from '#src/connection/inbox.js'
import type { Transport } from '#src/connection/transport.js'
import { isErrno } from '#src/platform/native.js'
import { encodeFrame, encodeFrameHeader } from '#src/wire/frames.js'
import { addon, listenOn, ROUTES } from '../support/connections.js'
import { until, watchLeaks } from '../support/leaks.js'

watchLeaks()

/** How many bytes of a message come with descriptors, and with how many each. */
const [BYTES, SET] = [250, 16]
/** A connection keeps at most 16 sets while nobody waits. */
const MOST = 16 * SET + 20

const countOpen = (): number => readdirSync('/proc/self/fd').length

/** Sends bytes of a message, each with descriptors, while the other side reads. Returns the most that were open. */
async function flood(fd: number): Promise<number> {
  const passed = openSync('/dev/null', 'r')
  const set = new Int32Array(SET).fill(passed)
  let most = 0
  for (let sent = 0; sent < BYTES; ) {
    const taken = addon!.send(fd, Buffer.of(0), set)
    if (isErrno(taken, 'EPIPE')) break
    if (taken === 1) sent++
    await sleep(taken === 1 ? 0 : 5)
    most = Math.max(most, countOpen())
  }
  addon!.close(passed)
  return most
}

describe('descriptors within a message', { skip: !addon }, () => {
  for (const route of ROUTES.filter(({ native, name }) => native && !name.startsWith('IP'))) {
    test(`before the handshake is done, at ${route.name}`, async () => {
      const { listener, close } = await listenOn(route, { handshakeTimeout: 60_000 })
      const refused = new Promise((resolve) => listener.once('clientError', resolve))
      const { address } = listener
      const [name, isAbstract] = 'path' in address ? [address.path, 0] : [(address as { abstract: string }).abstract, 1]
      const before = countOpen()
      const fd = addon!.connect(Buffer.from(name), isAbstract)
      const header = encodeFrameHeader(256)
      addon!.send(fd, header, new Int32Array(0))
      const most = await flood(fd)
      assert.ok(most - before < MOST, `${most - before} descriptors more were open`)
      addon!.close(fd)
      assert.equal(((await refused) as { code: string }).code, 'ERR_CONNECTION_ENDED')
      await close()
    })
  }

  const waits: Record<string, (victim: Connection) => Promise<unknown>> = {
    'recv() waits': (victim) => victim.recvBytes(),
    'poll() waits': async (victim) => {
      assert.equal(await victim.poll(60_000), true)
      return victim.recvBytes()
    },
    'nobody waits at first': async (victim) => {
      await victim.poll() // reads what is there
      await sleep(50)
      return victim.recvBytes()
    },
  }
  for (const [name, receive] of Object.entries(waits)) {
    for (const length of [BYTES, 100_000]) {
      test(`of ${length} bytes while ${name}`, async () => {
        const [one, victim] = await pipe()
        const before = countOpen()
        const receiving = receive(victim)
        addon!.send(one.fd!, encodeFrameHeader(length), new Int32Array(0))
        const most = await flood(one.fd!)
        assert.ok(most - before < MOST, `${most - before} descriptors more were open`)
        for (let left = length - BYTES; left > 0; ) {
          const taken = addon!.send(one.fd!, Buffer.alloc(left), new Int32Array(0))
          if (taken > 0) left -= taken
          await sleep(0)
        }
        assert.equal(((await receiving) as Buffer).length, length)
        await Promise.all([one.close(), victim.close()])
        assert.ok(await until(() => countOpen() <= before))
      })
    }
  }
})

test('a descriptor behind a large message that was polled for comes after it', { skip: !addon }, async () => {
  const [one, other] = await pipe()
  const frame = encodeFrame(Buffer.alloc(40_000))
  addon!.send(one.fd!, frame.subarray(0, 10_000), new Int32Array(0))
  const polling = other.poll(60_000)
  await sleep(50) // the rest of the message gets memory of its own
  addon!.send(one.fd!, frame.subarray(10_000), new Int32Array(0))
  await one.sendHandle(0)
  assert.equal(await polling, true)
  await sleep(50) // the descriptor is read ahead
  await assert.rejects(other.recvHandle(), { code: 'ERR_PROTOCOL' })
  assert.equal((await other.recvBytes()).length, 40_000)
  addon!.close(await other.recvHandle())
  await Promise.all([one.close(), other.close()])
})

test('more sets than a connection keeps end it, and not as if the other side had closed', async () => {
  const closed: number[] = []
  const transport = { attach() {}, setReading() {}, setWaiting() {} } as unknown as Transport
  const inbox = new Inbox(transport, 1_000, (fd) => void closed.push(fd))
  const bytes = encodeFrame(Buffer.from('text'))
  inbox.data(bytes.subarray(0, 5), 5)
  for (let fd = 0; fd <= 16; fd++) inbox.descriptors([fd], 1)
  assert.deepEqual(closed, [16])
  await assert.rejects(inbox.message(), { name: 'ProtocolError', code: 'ERR_PROTOCOL', message: /more descriptors/ })
  inbox.close(new Error('the end') as never)
  assert.deepEqual(
    closed.sort((a, b) => a - b),
    Array.from({ length: 17 }, (_, fd) => fd),
  )
})
