// Runs in: the test runner. How connections end, for every transport: closed on this side, on the other side, in one
// direction, in the middle of a message, and by a signal.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { wait } from 'forkserver/connection'
import { WAYS, withPair } from '../support/connections.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const CLOSED = { name: 'ProtocolError', code: 'ERR_CONNECTION_CLOSED' }
const INVALID = { name: 'UsageError', code: 'ERR_INVALID_STATE' }

for (const way of WAYS) {
  describe(`the end over ${way.name}`, () => {
    test(
      'what was sent before the other side closed is received, and then the end',
      withPair(way, async ({ one, other }) => {
        for (const text of ['a', 'b']) await one.send(text)
        await one.close()
        assert.deepEqual([await other.recv(), await other.recv()], ['a', 'b'])
        await assert.rejects(other.recv(), CLOSED)
        await assert.rejects(other.recv(), CLOSED)
      }),
    )

    test(
      'for await ends with the other side, and can be left and entered again',
      withPair(way, async ({ one, other }) => {
        for (let index = 0; index < 5; index++) await one.send(index)
        one.end()
        const seen: unknown[] = []
        for await (const value of other) {
          seen.push(value)
          if (value === 2) break
        }
        for await (const value of other) seen.push(value)
        assert.deepEqual(seen, [0, 1, 2, 3, 4])
        for await (const value of other) assert.fail(`${value} came after the end`)
      }),
    )

    test(
      'end() is half: the other direction goes on',
      withPair(way, async ({ one, other }) => {
        const sending = one.sendBytes(Buffer.alloc(3_000_000))
        one.end()
        one.end()
        await assert.rejects(one.send('more'), INVALID)
        assert.equal((await other.recvBytes()).length, 3_000_000)
        await sending
        await assert.rejects(other.recv(), CLOSED)
        await other.send('answer')
        assert.equal(await one.recv(), 'answer')
      }),
    )

    test(
      'close() ends what waits, here and there, and is harmless twice',
      withPair(way, async ({ one, other }) => {
        const receiving = assert.rejects(one.recv(), INVALID)
        const stuck = assert.rejects(one.sendBytes(Buffer.alloc(50_000_000)), INVALID)
        const polling = one.poll(Number.POSITIVE_INFINITY).catch((error: Error) => error)
        assert.equal(one.closed, false)
        await Promise.all([one.close(), one.close()])
        assert.equal(one.closed, true)
        await Promise.all([receiving, stuck, polling])
        for (const call of [() => one.send(1), () => one.recv(), () => one.recvBytes(), () => one.poll()])
          await assert.rejects(call(), INVALID)
        assert.throws(() => one.end(), INVALID)
        await assert.rejects(other.recvBytes(), { name: 'ProtocolError', code: 'ERR_CONNECTION_ENDED' })
      }),
    )

    test(
      'sending to a side that is gone fails, and what it had said is still read',
      withPair(way, async ({ one, other }) => {
        await other.send('last word')
        await other.close()
        let failure: unknown
        for (let tries = 0; tries < 100 && failure === undefined; tries++) {
          await one.sendBytes(Buffer.alloc(100_000)).catch((error: unknown) => {
            failure = error
          })
        }
        assert.ok(failure instanceof Error)
        assert.equal((failure as Error & { code: string }).code, 'ERR_CONNECTION_CLOSED')
        // TCP drops it where the reset comes first; a unix socket never does.
        if (!way.name.startsWith('IP') && !way.name.endsWith('node:net')) assert.equal(await one.recv(), 'last word')
      }),
    )

    test(
      'a signal ends a recv() that waits, and nothing is lost',
      withPair(way, async ({ one, other }) => {
        const aborter = new AbortController()
        const first = other.recv({ signal: aborter.signal })
        const second = other.recv()
        aborter.abort('enough')
        await assert.rejects(first, { name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' })
        await one.send('kept')
        assert.equal(await second, 'kept')
        await assert.rejects(other.recv({ signal: aborter.signal }), { name: 'AbortError' })
        await assert.rejects(one.send(1, { signal: aborter.signal }), { name: 'AbortError' })
        await assert.rejects(other.poll(1_000, { signal: aborter.signal }), { name: 'AbortError' })
      }),
    )

    test(
      'a signal ends the waiting of a send(), and the message still arrives whole',
      withPair(way, async ({ one, other }) => {
        const aborter = new AbortController()
        const sending = one.sendBytes(Buffer.alloc(20_000_000, 7), { signal: aborter.signal })
        aborter.abort()
        await assert.rejects(sending, { name: 'AbortError' })
        await Promise.all([one.send('next'), other.recvBytes().then((bytes) => assert.equal(bytes.length, 20_000_000))])
        assert.equal(await other.recv(), 'next')
      }),
    )

    test(
      'poll() tells what is there and takes nothing',
      withPair(way, async ({ one, other }) => {
        assert.equal(await other.poll(), false)
        assert.equal(await other.poll(-1), false)
        assert.equal(await other.poll(20), false)
        await one.send('x')
        assert.equal(await other.poll(10_000), true)
        assert.equal(await other.poll(), true)
        assert.equal(await other.recv(), 'x')
        assert.equal(await other.poll(), false)
        const large = one.sendBytes(Buffer.alloc(2_000_000))
        assert.equal(await other.poll(10_000), true)
        assert.equal((await other.recvBytes()).length, 2_000_000)
        await large
        const later = other.poll(Number.POSITIVE_INFINITY)
        one.end()
        assert.equal(await later, true) // the end is there: recv() would not wait
        await assert.rejects(other.poll(Number.NaN), { code: 'ERR_INVALID_ARGUMENT' })
      }),
    )

    test(
      'await using closes',
      withPair(way, async ({ one, other }) => {
        {
          await using connection = one
          await connection.send('bye')
        }
        assert.equal(one.closed, true)
        assert.equal(await other.recv(), 'bye')
      }),
    )
  })
}

describe('wait()', () => {
  test('returns those that are ready, of several transports, in their order', async () => {
    const pairs = await Promise.all(WAYS.map((way) => way.open()))
    try {
      const ends = pairs.map(({ other }) => other)
      assert.deepEqual(await wait(ends, { timeout: 0 }), [])
      assert.deepEqual(await wait(ends, { timeout: 20 }), [])
      const [second, last] = [pairs[1]!, pairs.at(-1)!]
      await Promise.all([last.one.send(1), second.one.send(2)])
      let ready = await wait(ends)
      while (ready.length < 2) ready = await wait(ends, { timeout: 10 })
      assert.deepEqual(
        ready.map((end) => ends.indexOf(end)),
        [1, ends.length - 1],
      )
      for (const connection of ready) await connection.recv()
      const waiting = wait(ends)
      await pairs[0]!.one.send(3)
      assert.deepEqual(await waiting, [ends[0]])
    } finally {
      await Promise.all(pairs.map((pair) => pair.close()))
    }
  })

  test('an empty list waits for the timeout; what cannot be waited for is refused', async () => {
    assert.deepEqual(await wait([], { timeout: 10 }), [])
    await assert.rejects(wait([{}] as never), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
  })
})
