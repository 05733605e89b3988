// Runs in: the test runner. Messages, for every transport: they arrive whole, in order, in every size, and at the
// reader's pace.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Codec } from 'forkserver/connection'
import { WAYS, withPair } from '../support/connections.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const SIZES = [0, 1, 3, 4, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_531, 65_532, 65_536, 1_048_576, 5_000_000]

for (const way of WAYS) {
  describe(`messages over ${way.name}`, () => {
    test(
      'every size arrives whole, in both directions',
      withPair(way, async ({ one, other }) => {
        for (const [from, to] of [
          [one, other],
          [other, one],
        ] as const) {
          for (const size of SIZES) {
            const bytes = randomBytes(size)
            const [received] = await Promise.all([to.recvBytes(), from.sendBytes(bytes)])
            assert.ok(received.equals(bytes), `${size} bytes`)
          }
        }
      }),
    )

    test(
      'many messages keep their order and their bounds, awaited or not',
      withPair(way, async ({ one, other }) => {
        const messages = Array.from({ length: 3_000 }, (_, index) => Buffer.alloc(index % 700, index))
        messages.splice(1_000, 0, randomBytes(300_000))
        messages.splice(2_000, 0, randomBytes(100_000))
        const sending = Promise.all(messages.map((message) => one.sendBytes(message)))
        for (const [index, message] of messages.entries())
          assert.ok((await other.recvBytes()).equals(message), `${index}`)
        await sending
      }),
    )

    test(
      'messages in both directions at once do not wait for each other',
      withPair(way, async ({ one, other }) => {
        const bytes = randomBytes(8_000_000)
        const [a, b] = await Promise.all([
          one.recvBytes(),
          other.recvBytes(),
          one.sendBytes(bytes),
          other.sendBytes(bytes),
        ])
        assert.ok(a.equals(bytes) && b.equals(bytes))
      }),
    )

    test(
      'offset and size choose a part',
      withPair(way, async ({ one, other }) => {
        const bytes = Buffer.from('0123456789')
        await one.sendBytes(bytes, { offset: 2, size: 3 })
        await one.sendBytes(bytes, { offset: 7 })
        await one.sendBytes(bytes, { offset: 10 })
        await one.sendBytes(new Uint8Array(bytes.buffer, bytes.byteOffset + 1, 2))
        const received = [
          await other.recvBytes(),
          await other.recvBytes(),
          await other.recvBytes(),
          await other.recvBytes(),
        ]
        assert.deepEqual(received.map(String), ['234', '789', '', '12'])
        for (const part of [{ offset: 11 }, { offset: -1 }, { size: -1 }, { offset: 5, size: 6 }, { offset: 0.5 }]) {
          await assert.rejects(one.sendBytes(bytes, part), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
        }
        await assert.rejects(one.sendBytes('text' as never), { code: 'ERR_INVALID_ARGUMENT' })
      }),
    )

    test(
      'a message that was received is nobody else’s memory',
      withPair(way, async ({ one, other }) => {
        await one.sendBytes(Buffer.from('first'))
        const first = await other.recvBytes()
        for (let index = 0; index < 50; index++) {
          await one.sendBytes(Buffer.alloc(2_000, index))
          await other.recvBytes()
        }
        assert.equal(String(first), 'first')
      }),
    )

    test(
      'several recv() wait in order',
      withPair(way, async ({ one, other }) => {
        const waiting = Promise.all([other.recvBytes(), other.recvBytes(), other.recvBytes()])
        for (const text of ['a', 'b', 'c']) await one.sendBytes(Buffer.from(text))
        assert.deepEqual((await waiting).map(String), ['a', 'b', 'c'])
      }),
    )

    test(
      'a sender is held back by a reader that does not read, and loses nothing',
      withPair(way, async ({ one, other }) => {
        const chunk = randomBytes(1_000_000)
        let sent = 0
        const sending = (async () => {
          for (; sent < 60; sent++) await one.sendBytes(chunk)
        })()
        // If nobody reads, only the kernel's buffers and 64 KiB of ours hold messages. Tens of megabytes would mean a
        // queue of ours.
        while (await Promise.race([one.poll(30).then(() => true), sending.then(() => false)])) {
          const before = sent
          await one.poll(100)
          if (sent === before) break
        }
        assert.ok(sent < 30, `${sent} MB were taken with nobody reading`)
        for (let index = 0; index < 60; index++) assert.ok((await other.recvBytes()).equals(chunk), `${index}`)
        await sending
      }),
    )

    test(
      'what is too large is refused, and nothing comes after it',
      withPair(
        way,
        async ({ one, other }) => {
          await one.sendBytes(Buffer.alloc(1_000))
          assert.equal((await other.recvBytes()).length, 1_000)
          const sending = one.sendBytes(Buffer.alloc(1_001))
          await assert.rejects(other.recvBytes(), { name: 'ProtocolError', code: 'ERR_MESSAGE_TOO_LARGE' })
          await sending
          await one.sendBytes(Buffer.alloc(1))
          await assert.rejects(other.recvBytes(), { code: 'ERR_MESSAGE_TOO_LARGE' })
          await other.sendBytes(Buffer.from('still sends'))
          assert.equal(String(await one.recvBytes()), 'still sends')
        },
        { maxMessageLength: 1_000 },
      ),
    )

    test(
      'maxLength holds for one call',
      withPair(way, async ({ one, other }) => {
        await one.sendBytes(Buffer.alloc(5))
        assert.equal((await other.recvBytes({ maxLength: 5 })).length, 5)
        await one.sendBytes(Buffer.alloc(6))
        for (const maxLength of [-1, 0.5, Number.NaN, '5'] as number[])
          await assert.rejects(other.recvBytes({ maxLength }), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
        await assert.rejects(other.recvBytes({ maxLength: 5 }), { code: 'ERR_MESSAGE_TOO_LARGE' })
      }),
    )

    test(
      'maxLength holds for a large message whose receipt began before the call',
      withPair(way, async ({ one, other }) => {
        const sending = one.sendBytes(Buffer.alloc(100_000))
        assert.equal(await other.poll(60_000), true)
        await assert.rejects(other.recvBytes({ maxLength: 99_999 }), {
          name: 'ProtocolError',
          code: 'ERR_MESSAGE_TOO_LARGE',
        })
        await sending
        await assert.rejects(other.recvBytes(), { code: 'ERR_MESSAGE_TOO_LARGE' }) // as for one that is just coming
      }),
    )
  })
}

describe('codecs', () => {
  const [way] = WAYS
  const value = { text: 'täxt ☃', list: [1, -0.5, null], nested: { a: true } }

  test(
    'clone keeps what a structured clone keeps',
    withPair(way!, async ({ one, other }) => {
      const rich = new Map<unknown, unknown>([
        [1n, new Set([new Date(0)])],
        ['bytes', new Uint8Array([1, 2])],
        [null, undefined],
      ])
      await one.send(rich)
      assert.deepEqual(await other.recv(), rich)
      await one.send(undefined)
      assert.equal(await other.recv(), undefined)
      await assert.rejects(
        one.send(() => {}),
        { name: 'UsageError', code: 'ERR_CANNOT_CLONE' },
      )
      await one.sendBytes(Buffer.from('no clone'))
      await assert.rejects(other.recv(), { name: 'ProtocolError', code: 'ERR_PROTOCOL' })
      await one.send(value) // one message that is no value costs one message
      assert.deepEqual(await other.recv(), value)
    }),
  )

  test(
    'json',
    withPair(
      way!,
      async ({ one, other }) => {
        await one.send(value)
        assert.deepEqual(await other.recv(), value)
        await assert.rejects(one.send(undefined), { code: 'ERR_CANNOT_CLONE' })
        await assert.rejects(one.send({ big: 1n }), { code: 'ERR_CANNOT_CLONE' })
        await one.sendBytes(Buffer.from('{'))
        await assert.rejects(other.recv(), { name: 'ProtocolError', code: 'ERR_PROTOCOL' })
        await one.sendBytes(Buffer.from('[1]'))
        assert.deepEqual(await other.recv(), [1])
      },
      { codec: 'json' },
    ),
  )

  test(
    'bytes',
    withPair(
      way!,
      async ({ one, other }) => {
        await one.send(Buffer.from('raw'))
        assert.equal(String(await other.recv()), 'raw')
        await assert.rejects(one.send('text'), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
      },
      { codec: 'bytes' },
    ),
  )

  test(
    'pickle',
    withPair(
      way!,
      async ({ one, other }) => {
        const rich = new Map<unknown, unknown>([
          [1n, value],
          ['set', new Set([1.5, 'x'])],
        ])
        await one.send(rich)
        assert.deepEqual(await other.recv(), new Map<unknown, unknown>([[1, value], ...[...rich].slice(1)]))
        await assert.rejects(one.send(new Date(0)), { name: 'UsageError', code: 'ERR_CANNOT_CLONE' })
        await one.sendBytes(Buffer.from('cbuiltins\neval\n.'))
        await assert.rejects(other.recv(), { name: 'ProtocolError', code: 'ERR_PICKLE_REFUSED' })
        await one.sendBytes(Buffer.from('no pickle'))
        await assert.rejects(other.recv(), { name: 'ProtocolError', code: 'ERR_PROTOCOL' })
        await one.send(null) // one message that is no value costs one message
        assert.equal(await other.recv(), null)
      },
      { codec: 'pickle' },
    ),
  )

  test('one’s own, whose errors come through', async () => {
    const reversed: Codec = {
      encode: (text) => {
        if (typeof text !== 'string') throw new RangeError('only text')
        return Buffer.from([...text].reverse().join(''))
      },
      decode: (bytes) => {
        if (bytes.length === 0) throw new RangeError('only more text')
        return `<${Buffer.from(bytes)}>`
      },
    }
    await withPair(
      way!,
      async ({ one, other }) => {
        await one.send('abc')
        assert.equal(await other.recv(), '<cba>')
        await assert.rejects(one.send(1), RangeError)
        await one.sendBytes(Buffer.alloc(0))
        await assert.rejects(other.recv(), RangeError)
      },
      { codec: reversed },
    )()
  })
})
