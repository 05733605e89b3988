// Runs in: the test runner. Clients that hold the key and break the control protocol: each one loses its own
// connection, and what it sent is closed. The messages themselves are tested in ../protocol.test.ts.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import os from 'node:os'
import { after, before, describe, test } from 'node:test'
import { decodeControl, PROTOCOL_VERSION } from '#src/wire/control-codec.js'
import { encodeFrame } from '#src/wire/frames.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { Battlefield, Lifeline } from './attacks.js'
import { Gate } from './gate.js'
import { attachMessage, message, type RawClient } from './raw-client.js'

watchLeaks()

const fork = (id: number, stdio = 3): Buffer => message({ name: 'fork', id, flags: 0, stdio })
const bytes = (...values: number[]): Buffer => Buffer.from(values)

// After the handshake, in place of attach.
const BEFORE_ATTACH: [what: string, send: (client: RawClient) => void][] = [
  ['an empty message', (client) => client.send(bytes())],
  ['a kind that does not exist', (client) => client.send(bytes(9, 0, 0))],
  ['a kind of the template', (client) => client.send(bytes(129, 0, 1, 0, 0, 0, 1))],
  ['attach that is too short', (client) => client.sendWith(bytes(1, 0), [0])],
  ['attach that is too long', (client) => client.sendWith(bytes(1, 0, 1, 0), [0])],
  ['attach of another version', (client) => client.sendWith(bytes(1, 0, PROTOCOL_VERSION + 1), [0])],
  ['attach without a descriptor', (client) => client.send(attachMessage())],
  ['attach with two descriptors', (client) => client.sendWith(attachMessage(), [0, 0])],
  ['fork before attach', (client) => client.sendWith(fork(1), [0, 0, 0, 0])],
  ['signal before attach', (client) => client.send(message({ name: 'signal', id: 1, signal: 9 }))],
  ['a frame of 65 bytes', (client) => client.send(Buffer.alloc(65))],
  ['a frame that announces 2147483647 bytes', (client) => client.write(bytes(0x7f, 0xff, 0xff, 0xff))],
  ['another handshake', (client) => client.send(Buffer.from('#WELCOME#'))],
]

// After attach.
const AFTER_ATTACH: [what: string, send: (client: RawClient) => void][] = [
  ['attach a second time', (client) => client.sendWith(attachMessage(), [0])],
  ['fork without descriptors', (client) => client.send(fork(1))],
  ['fork with three descriptors', (client) => client.sendWith(fork(1), [0, 0, 0])],
  ['fork with five descriptors', (client) => client.sendWith(fork(1), [0, 0, 0, 0, 0])],
  ['fork with sixteen descriptors', (client) => client.sendWith(fork(1), new Array<number>(16).fill(0))],
  ['fork with a flag that has no meaning', (client) => client.sendWith(bytes(2, 0, 0, 0, 1, 0, 8, 3), [0, 0, 0, 0])],
  ['fork for two streams', (client) => client.sendWith(bytes(2, 0, 0, 0, 1, 0, 0, 2), [0, 0, 0])],
  [
    'fork for sixteen streams',
    (client) => client.sendWith(bytes(2, 0, 0, 0, 1, 0, 0, 16), new Array<number>(16).fill(0)),
  ],
  ['fork for more streams than come', (client) => client.sendWith(fork(1, 4), [0, 0, 0, 0])],
  ['fork for fewer streams than come', (client) => client.sendWith(fork(1, 4), [0, 0, 0, 0, 0, 0])],
  ['fork that is too short', (client) => client.sendWith(bytes(2, 0, 0, 0, 1, 0), [0, 0, 0, 0])],
  ['signal 65', (client) => client.send(bytes(3, 0, 0, 0, 1, 65))],
  ['signal with a descriptor', (client) => client.sendWith(message({ name: 'signal', id: 1, signal: 0 }), [0])],
  ['garbage', (client) => client.write(Buffer.alloc(4096, 0x5a))],
]

describe('clients with the key that break the protocol', () => {
  let field: Battlefield
  before(async () => {
    field = await Battlefield.open('path')
  })
  after(() => field.close())

  for (const [what, send] of BEFORE_ATTACH) {
    test(`send ${what}`, async () => field.repel(send, await field.proved()))
  }

  for (const [what, send] of AFTER_ATTACH) {
    test(`send ${what}`, async () => {
      using lifeline = new Lifeline()
      await field.repel(send, await field.attached(lifeline))
    })
  }

  test('use the id of a child that lives', async () => {
    using lifeline = new Lifeline()
    using gate = new Gate()
    const client = await field.attached(lifeline)
    const channel = new Lifeline() // whatever it is, its child waits to read a job from it
    client.sendWith(fork(7), [channel.reader, gate.fd, gate.fd, gate.fd])
    const forked = decodeControl('template to owner', (await client.next())!)
    assert.ok(forked.name === 'forked')
    await field.repel((attacker) => attacker.sendWith(fork(7), [channel.reader, gate.fd, gate.fd, gate.fd]), client)
    channel[Symbol.dispose]() // and finds that nobody will ever send one
    assert.ok(await until(() => !isAlive(forked.pid)))
  })

  test('send more descriptors than one message may have: the fork fails, and they are closed', async (t) => {
    if (spawnSync('python3', ['--version']).error) return t.skip('there is no python3 to send them')
    using lifeline = new Lifeline()
    using client = await field.attached(lifeline)
    const frame = encodeFrame(fork(1)).toString('hex')
    const send = `socket.send_fds(socket.socket(fileno=3), [bytes.fromhex('${frame}')], [0] * 200)`
    const { status } = spawnSync('python3', ['-c', `import socket; ${send}`], {
      stdio: ['ignore', 'inherit', 'inherit', client.fd],
    })
    assert.equal(status, 0)
    const failed = decodeControl('template to owner', (await client.next())!)
    assert.deepEqual(failed, { name: 'forkFailed', id: 1, errno: os.constants.errno.EMFILE })
    client.end()
    await field.checkUnharmed()
  })

  test('signal children that are not theirs, or not there: nothing happens', async () => {
    using lifeline = new Lifeline()
    using client = await field.attached(lifeline)
    for (let id = 0; id < 50; id++) client.send(message({ name: 'signal', id, signal: 9 }))
    await field.honestWork()
    assert.equal(client.isClosed, false)
    client.end()
    await field.checkUnharmed()
  })

  test('attach with descriptors that are no pipe: their children are not born, others are', async () => {
    using lifeline = new Lifeline()
    for (const lifelineFd of [0, 1]) {
      using client = await field.proved()
      await client.attach(lifelineFd)
      using gate = new Gate()
      client.sendWith(fork(1), [gate.fd, gate.fd, gate.fd, gate.fd])
      await field.honestWork()
      gate.open() // an end of file on the job channel
      for (const name of ['forked', 'exited']) {
        assert.equal(decodeControl('template to owner', (await client.next())!).name, name)
      }
      client.end()
    }
    assert.ok(lifeline.reader > 0)
    await field.checkUnharmed()
  })

  test('go away between a fork and its answer', async () => {
    using lifeline = new Lifeline()
    using gate = new Gate()
    gate.open()
    for (let round = 0; round < 10; round++) {
      const client = await field.attached(lifeline)
      for (let id = 1; id <= 4; id++) client.sendWith(fork(id), [gate.fd, gate.fd, gate.fd, gate.fd])
      client.end()
    }
    await field.honestWork()
    await field.checkUnharmed()
  })

  test('send many messages in one piece, and one message in many pieces', async () => {
    using lifeline = new Lifeline()
    using client = await field.attached(lifeline)
    const signal = encodeFrame(message({ name: 'signal', id: 1, signal: 0 }))
    client.write(Buffer.concat(new Array<Buffer>(1000).fill(signal)))
    for (const byte of signal) {
      client.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    using gate = new Gate()
    gate.open()
    client.sendWith(fork(1), [gate.fd, gate.fd, gate.fd, gate.fd])
    assert.equal(decodeControl('template to owner', (await client.next())!).name, 'forked')
    assert.equal(decodeControl('template to owner', (await client.next())!).name, 'exited')
    client.end()
    await field.checkUnharmed()
  })
})
