// Runs in: the test runner. Property tests of src/connection/frame-reader.ts and outbox.ts. FORKSERVER_FUZZ_RUNS sets
// the number of runs.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FrameReader } from '#src/connection/frame-reader.js'
import { Outbox } from '#src/connection/outbox.js'
import { ProtocolError } from '#src/errors.js'
import { encodeFrame, encodeFrameHeader, encodeFrames } from '#src/wire/frames.js'

const numRuns = Number(process.env.FORKSERVER_FUZZ_RUNS || 2_000)
const LIMIT = 300_000

/** Feeds chunks as a transport does: into the reader's own memory where it has some, through one buffer otherwise. */
function feed(reader: FrameReader, bytes: Buffer, cuts: readonly number[], taken: Buffer[]): void {
  const shared = Buffer.alloc(70_000)
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const cut = Math.min(cuts[turn % cuts.length]!, bytes.length - at)
    const place = turn % 3 === 0 ? undefined : reader.destination() // node:net has no use for it
    const count = Math.min(cut, place ? place.end - place.start : shared.length)
    if (place) {
      bytes.copy(place.bytes, place.start, at, at + count)
      reader.filled(count)
    } else {
      bytes.copy(shared, 0, at, at + count)
      reader.lend(shared, count)
    }
    at += count
    for (let message = reader.next(LIMIT); message; message = reader.next(LIMIT)) taken.push(message)
    reader.keep()
    shared.fill(0xee) // whoever still looked at it would notice
  }
}

describe('FrameReader', () => {
  const size = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 5_000 }), fc.constantFrom(32_768, 32_769, 65_536, 150_000))

  test('whatever the cuts, the messages come out as they went in', () => {
    fc.assert(
      fc.property(
        fc.array(size, { maxLength: 6 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70_000 })), { minLength: 1 }),
        (sizes, cuts) => {
          // Bytes in the small, so that nothing takes forever: big messages come in big pieces.
          const fair = sizes.some((bytes) => bytes > 5_000) ? cuts.map((cut) => Math.max(cut, 1_000)) : cuts
          const messages = sizes.map((bytes, index) => Buffer.alloc(bytes, index + 1))
          const reader = new FrameReader()
          const taken: Buffer[] = []
          feed(reader, encodeFrames(messages), fair, taken)
          assert.equal(taken.length, messages.length)
          for (const [index, message] of messages.entries())
            assert.ok(taken[index]!.equals(message), `message ${index}`)
          assert.equal(reader.pendingBytes, 0)
        },
      ),
      { numRuns },
    )
  })

  test('any bytes at all: messages or one typed error, never more memory than came', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (noise, cuts) => {
          const reader = new FrameReader()
          const taken: Buffer[] = []
          try {
            feed(reader, Buffer.from(noise), cuts, taken)
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error))
            assert.throws(() => reader.next(LIMIT), error) // the same from now on
            assert.equal(reader.isReady(LIMIT), true)
          }
          assert.ok(taken.reduce((sum, message) => sum + message.length + 4, 0) <= noise.length)
        },
      ),
      { numRuns: 2 * numRuns },
    )
  })

  test('the long form is read, whatever it announces', () => {
    const header = Buffer.from([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 3])
    const taken: Buffer[] = []
    feed(new FrameReader(), Buffer.concat([header, Buffer.from('abc')]), [1], taken)
    assert.deepEqual(taken.map(String), ['abc'])
  })

  test('lengths that lie cost nothing: -2, 2^31 - 1, 2^32, 2^53, 2^63, 2^64 - 1', () => {
    const long = (value: bigint): Buffer => {
      const bytes = Buffer.alloc(12, 255)
      bytes.writeBigUInt64BE(value, 4)
      return bytes
    }
    const minusTwo = Buffer.from([255, 255, 255, 254])
    const before = process.memoryUsage().arrayBuffers
    for (const header of [
      minusTwo,
      Buffer.from([128, 0, 0, 0]),
      encodeFrameHeader(0x7fffffff),
      long(2n ** 32n),
      long(2n ** 53n),
      long(2n ** 63n),
      long(2n ** 64n - 1n),
    ]) {
      const reader = new FrameReader()
      reader.lend(header, header.length)
      const code = header.readInt32BE(0) < -1 ? 'ERR_PROTOCOL' : 'ERR_MESSAGE_TOO_LARGE'
      assert.throws(() => reader.next(1024 ** 3), { name: 'ProtocolError', code })
    }
    // Allowed, but only announced: memory comes with the bytes, a megabyte at first.
    const readers = Array.from({ length: 20 }, () => {
      const reader = new FrameReader()
      const header = encodeFrameHeader(0x7fffffff)
      reader.lend(header, header.length)
      assert.equal(reader.next(0x7fffffff), undefined)
      return reader
    })
    assert.ok(process.memoryUsage().arrayBuffers - before < 40 * 1024 * 1024)
    assert.equal(readers[0]!.pendingBytes, 0)
  })

  test('a look with a smaller limit refuses nothing, and a call with one refuses for good', () => {
    for (const length of [40_000, 5]) {
      const bytes = encodeFrame(Buffer.alloc(length)).subarray(0, -1)
      const readers = [new FrameReader(), new FrameReader()]
      for (const reader of readers) {
        reader.lend(bytes, bytes.length)
        assert.equal(reader.next(length), undefined)
        assert.equal(reader.isReady(length), false)
        assert.equal(reader.isReady(length - 1), true)
      }
      const [one, other] = readers as [FrameReader, FrameReader]
      assert.throws(() => one.next(length - 1), { code: 'ERR_MESSAGE_TOO_LARGE' })
      assert.throws(() => one.next(length), { code: 'ERR_MESSAGE_TOO_LARGE' })
      other.lend(Buffer.of(0), 1)
      assert.equal(other.next(length)?.length, length)
    }
  })

  test('a byte between two messages is left to who asks for it', () => {
    const reader = new FrameReader()
    const bytes = Buffer.concat([encodeFrame(Buffer.from('a')), Buffer.of(7), encodeFrame(Buffer.from('b'))])
    reader.lend(bytes, bytes.length)
    assert.equal(String(reader.next(9)), 'a')
    assert.equal(reader.position, 5)
    assert.equal(reader.takeByte(), 7)
    assert.equal(String(reader.next(9)), 'b')
    assert.equal(reader.takeByte(), undefined)
    assert.equal(reader.received, bytes.length)
  })
})

describe('Outbox', () => {
  test('whatever the kernel takes at a time, the bytes leave in order, each message is reported once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat({ max: 40_000 }), fc.nat({ max: 1_100 })), { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1 }),
        fc.nat({ max: 3 }),
        (sizes, amounts, takenAtOnce) => {
          if (amounts.every((amount) => amount === 0)) return
          const outbox = new Outbox()
          const header = Buffer.alloc(4)
          const sent: number[] = []
          const expected: Buffer[] = []
          for (const [index, length] of sizes.entries()) {
            const body = Buffer.alloc(length, index + 1)
            header.writeUInt32BE(length)
            const taken = index === 0 ? takenAtOnce : 0
            expected.push(Buffer.concat([header, body]).subarray(taken))
            const outgoing = { header, headerLength: 4, body, start: 0, end: length, descriptor: -1 }
            outbox.add(outgoing, taken, () => void sent.push(index))
          }
          const left: Buffer[] = []
          let waiting = Buffer.concat(expected).length
          for (let turn = 0, item = outbox.next(); item; item = outbox.next(), turn++) {
            const count = Math.min(amounts[turn % amounts.length]!, item.end - item.start)
            left.push(Buffer.from(item.bytes.subarray(item.start, item.start + count)))
            outbox.taken(count)
            waiting -= count
            assert.equal(outbox.bytes, waiting)
          }
          assert.ok(Buffer.concat(left).equals(Buffer.concat(expected)))
          assert.deepEqual(
            sent,
            sizes.map((_, index) => index),
          )
          assert.equal(outbox.first, undefined)
        },
      ),
      { numRuns: numRuns / 4 },
    )
  })
})
