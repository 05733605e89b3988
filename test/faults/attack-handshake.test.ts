// Runs in: the test runner. Attackers that do not hold the key, on a live control socket: each one loses its own
// connection, and nobody else notices. The handshake itself is tested in ../auth-attacks.test.ts.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { encodeFrame } from '#src/wire/frames.js'
import { response } from '../support/handshake.js'
import { watchLeaks } from '../support/leaks.js'
import { Battlefield, wrongKey } from './attacks.js'
import type { RawClient } from './raw-client.js'

watchLeaks()

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const longLength = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(12)
  bytes.writeInt32BE(-1)
  bytes.writeBigUInt64BE(value, 4)
  return bytes
}

async function answerWith(client: RawClient, payload: (challenge: Buffer) => Buffer): Promise<void> {
  const challenge = await client.next()
  client.send(payload(challenge!))
}

// What is sent as soon as the connection is there, with or without reading the challenge.
const BYTES: [what: string, bytes: Buffer][] = [
  ['a frame of 257 bytes', encodeFrame(Buffer.alloc(257, 'x'))],
  ['a frame that announces 257 bytes, and nothing more', int32(257)],
  ['a frame that announces 2147483647 bytes', int32(0x7fffffff)],
  ['a frame that announces 2 ** 62 bytes', longLength(2n ** 62n)],
  ['a frame that announces 2 ** 64 - 1 bytes', longLength(2n ** 64n - 1n)],
  ['a frame of the length -2', int32(-2)],
  ['a frame of the length -2147483648', int32(-0x80000000)],
  ['an empty frame', encodeFrame(Buffer.alloc(0))],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['64 KiB of zeros', Buffer.alloc(65_536)],
  ['64 KiB of 0xff', Buffer.alloc(65_536, 0xff)],
  ['a verdict instead of a response', encodeFrame(Buffer.from('#WELCOME#'))],
  ['a failure instead of a response', encodeFrame(Buffer.from('#FAILURE#'))],
  ['attach, without a handshake', encodeFrame(Buffer.from([1, 0, 1]))],
  ['a response before the challenge was read', encodeFrame(Buffer.concat([Buffer.from('{sha256}'), Buffer.alloc(32)]))],
]

for (const transport of ['path', 'abstract'] as const) {
  describe(`attacks without the key, transport ${transport}`, () => {
    let field: Battlefield
    before(async () => {
      field = await Battlefield.open(transport)
    })
    after(() => field.close())

    test('closes at once', () => field.repel((client) => client.end()))

    test('closes after the challenge, with or without reading it', async () => {
      await field.repel(async (client) => {
        assert.ok(await client.next())
        client.end()
      })
      const unread = field.connect()
      await new Promise((resolve) => setImmediate(resolve))
      await field.repel((client) => client.end(), unread)
    })

    test('closes within a frame', async () => {
      for (const bytes of [int32(40).subarray(0, 1), int32(40), Buffer.concat([int32(40), Buffer.alloc(39)])]) {
        await field.repel((client) => {
          client.write(bytes)
          setImmediate(() => client.end())
        })
      }
    })

    for (const [what, bytes] of BYTES) {
      test(`sends ${what}`, () => field.repel((client) => client.write(bytes)))
    }

    test('sends half a frame and waits, and is dropped at the deadline', async () => {
      await field.repel(async (client) => {
        client.write(Buffer.concat([int32(40), Buffer.alloc(20)]))
        await Promise.race([client.closed, new Promise((resolve) => setTimeout(resolve, 8_000).unref())])
      })
    })

    test('answers with another key', async () => {
      await field.repel(async (client) => {
        assert.equal(await client.prove(wrongKey()), false)
      })
    })

    test('answers with a wrong MAC, and is told', async () => {
      await field.repel(async (client) => {
        await answerWith(client, (challenge) => response(wrongKey(), challenge))
        assert.equal(String(await client.next()), '#FAILURE#')
        assert.equal(await client.next(), null)
      })
    })

    test('answers with the key itself, which is bound to no role', async () => {
      await field.repel(async (client) => {
        await answerWith(client, (challenge) => response(field.key, challenge))
        assert.equal(String(await client.next()), '#FAILURE#')
      })
    })

    test('replays what an honest client sent', async () => {
      const honest = await field.proved()
      honest.end()
      await field.repel(async (client) => {
        for (const payload of honest.sent) client.send(payload)
        await client.next()
        assert.notEqual(String(await client.next()), '#WELCOME#')
      })
    })

    test('reflects: echoes the challenge as its answer', () =>
      field.repel((client) => answerWith(client, (challenge) => challenge)))

    test('reflects: lets the template itself answer the challenge, on another connection', async () => {
      await field.repel(async (client) => {
        const challenge = await client.next()
        using oracle = field.connect()
        const ours = await oracle.next()
        oracle.send(connectorResponse(field.key, ours!)) // an insider, to get as far as the template's turn to answer
        assert.equal(String(await oracle.next()), '#WELCOME#')
        oracle.send(challenge!)
        client.send((await oracle.next())!)
        assert.equal(String(await client.next()), '#FAILURE#')
      })
    })

    test('sends descriptors before it has proved itself', async () => {
      await field.repel((client) => client.sendWith(Buffer.from('#WELCOME#'), [0, 1, 2]))
      await field.repel(async (client) => {
        await client.next()
        client.sendWith(
          Buffer.alloc(40),
          Array.from({ length: 16 }, () => 0),
        )
      })
    })

    test('sends descriptors within a frame that it does not finish', () =>
      field.repel((client) => client.sendPart(int32(40), [0, 1])))
  })
}

function connectorResponse(key: Buffer, challenge: Buffer): Buffer {
  const bound = response(key, Buffer.from('#CHALLENGE#forkserver control socket: connector answers')).subarray(8)
  return response(bound, challenge)
}
