// Runs in: the test runner. src/wire/frames.ts: the wire format byte by byte, every way to cut a stream, and lying
// lengths.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '#src/errors.js'
import {
  encodeFrame,
  encodeFrameHeader,
  encodeFrames,
  FrameDecoder,
  MAX_SHORT_LENGTH,
  ONE_WRITE_LIMIT,
  readFrameLength,
} from '#src/wire/frames.js'

const KIB = 1024
const MIB = 1024 * KIB

const tooLarge = { name: 'ProtocolError', code: 'ERR_MESSAGE_TOO_LARGE' }
const broken = { name: 'ProtocolError', code: 'ERR_PROTOCOL' }
const ended = { name: 'ProtocolError', code: 'ERR_CONNECTION_ENDED' }

/** Cuts bytes at the given positions, taken modulo their number. */
function cut(bytes: Buffer, positions: number[]): Buffer[] {
  const sorted = positions.map((position) => position % (bytes.length + 1)).sort((a, b) => a - b)
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(sorted[index - 1] ?? 0, end))
}

function thrownBy(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return assert.fail('nothing was thrown')
}

describe('encoding', () => {
  test('a frame is a big-endian length and the payload', () => {
    assert.equal(encodeFrame(Buffer.from('abc')).toString('hex'), '00000003616263')
    assert.equal(encodeFrame(Buffer.alloc(0)).toString('hex'), '00000000')
    assert.equal(encodeFrame(new Uint8Array([7])).toString('hex'), '0000000107')
  })

  test('a frame goes to the front of a buffer that is given', () => {
    const into = Buffer.alloc(16, 0xee)
    const frame = encodeFrame(Buffer.from('abc'), into)
    assert.equal(frame.toString('hex'), '00000003616263')
    assert.equal(into.toString('hex'), '00000003616263eeeeeeeeeeeeeeeeee')
  })

  test('a length above 0x7fffffff is -1 and eight bytes', () => {
    assert.equal(MAX_SHORT_LENGTH, 0x7fffffff)
    assert.equal(encodeFrameHeader(0x7fffffff).toString('hex'), '7fffffff')
    assert.equal(encodeFrameHeader(0x80000000).toString('hex'), 'ffffffff0000000080000000')
    assert.equal(encodeFrameHeader(Number.MAX_SAFE_INTEGER).toString('hex'), 'ffffffff001fffffffffffff')
  })

  test('a length that is none is the caller’s mistake', () => {
    for (const length of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      assert.throws(() => encodeFrameHeader(length), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
    }
  })

  test('readFrameLength() is the inverse of encodeFrameHeader()', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (length) => {
        assert.equal(readFrameLength(encodeFrameHeader(length)), length)
      }),
    )
    assert.throws(() => readFrameLength(Buffer.from('fffffffe', 'hex')), broken)
    assert.throws(() => readFrameLength(Buffer.from('ffffffff0020000000000000', 'hex')), tooLarge)
  })
})

describe('decoding', () => {
  test('whatever the cuts, the same payloads come out', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 })
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(), { maxLength: 20 }), (sent, positions) => {
        const decoder = new FrameDecoder({ maxLength: 300 })
        const stream = Buffer.concat(sent.map((payload) => encodeFrame(payload)))
        const received = cut(stream, positions).flatMap((chunk) => decoder.push(chunk))
        assert.deepEqual(
          received,
          sent.map((payload) => Buffer.from(payload)),
        )
        assert.equal(decoder.pendingBytes, 0)
        decoder.end()
      }),
    )
  })

  test('whatever the cuts, one buffer can carry all chunks where keepUnread() follows each', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), fc.array(fc.nat()), (payloads, positions) => {
        const decoder = new FrameDecoder({ maxLength: 300 })
        const carrier = Buffer.alloc(400 * (payloads.length + 1))
        const decoded: Buffer[] = []
        for (const chunk of cut(encodeFrames(payloads), positions)) {
          carrier.fill(0xee)
          decoder.append(carrier.subarray(0, chunk.copy(carrier)))
          for (let payload = decoder.next(); payload; payload = decoder.next()) decoded.push(Buffer.from(payload))
          decoder.keepUnread()
        }
        assert.deepEqual(
          decoded.map((payload) => payload.toString('hex')),
          payloads.map((payload) => Buffer.from(payload).toString('hex')),
        )
        decoder.end()
      }),
    )
  })

  test('one byte at a time', () => {
    const decoder = new FrameDecoder({ maxLength: 100 })
    const stream = Buffer.concat([
      encodeFrame(Buffer.from('first')),
      encodeFrame(Buffer.from('')),
      encodeFrame(Buffer.from('last')),
    ])
    const received: string[] = []
    for (const byte of stream) received.push(...decoder.push(Uint8Array.of(byte)).map(String))
    assert.deepEqual(received, ['first', '', 'last'])
  })

  test('several frames in one chunk, and the beginning of another', () => {
    const decoder = new FrameDecoder({ maxLength: 100 })
    const stream = Buffer.concat([
      encodeFrame(Buffer.from('a')),
      encodeFrame(Buffer.from('b')),
      encodeFrame(Buffer.from('cd')),
    ])
    assert.deepEqual(decoder.push(stream.subarray(0, -1)).map(String), ['a', 'b'])
    assert.equal(decoder.pendingBytes, 5)
    assert.deepEqual(decoder.push(stream.subarray(-1)).map(String), ['cd'])
  })

  test('the long form carries small lengths too, as in CPython', () => {
    const decoder = new FrameDecoder({ maxLength: 100 })
    assert.deepEqual(decoder.push(Buffer.from('ffffffff000000000000000261', 'hex')), [])
    assert.equal(decoder.pendingBytes, 13)
    assert.deepEqual(decoder.push(Buffer.from('62', 'hex')).map(String), ['ab'])
  })

  test('a whole payload is a view of its chunk; a joined one is not', () => {
    const decoder = new FrameDecoder({ maxLength: 100 })
    const chunk = encodeFrame(Buffer.from('abc'))
    const [view] = decoder.push(chunk)
    assert.equal(view?.buffer, chunk.buffer)
    const [first, second] = [Buffer.from('00000003', 'hex'), Buffer.from('ab')]
    assert.deepEqual([...decoder.push(first), ...decoder.push(second)], [])
    const [joined] = decoder.push(Buffer.from('c'))
    second.fill(0)
    assert.equal(joined?.toString(), 'abc')
  })

  test('a payload of exactly maxLength is taken, one byte more is not', () => {
    const decoder = new FrameDecoder({ maxLength: 3 })
    assert.deepEqual(decoder.push(encodeFrame(Buffer.from('abc'))).map(String), ['abc'])
    assert.throws(() => decoder.push(Buffer.from('00000004', 'hex')), tooLarge)
  })

  test('the limit can be changed between two frames of one chunk', () => {
    const decoder = new FrameDecoder({ maxLength: 4 })
    decoder.append(Buffer.concat([encodeFrame(Buffer.from('four')), encodeFrame(Buffer.from('longer'))]))
    assert.equal(decoder.next()?.toString(), 'four')
    decoder.maxLength = 6
    assert.equal(decoder.next()?.toString(), 'longer')
    assert.equal(decoder.next(), undefined)
  })

  test('a limit that is none is the caller’s mistake', () => {
    for (const maxLength of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new FrameDecoder({ maxLength }), { name: 'UsageError', code: 'ERR_INVALID_OPTION' })
    }
  })
})

describe('violations', () => {
  test('a negative length other than -1', () => {
    for (const header of ['fffffffe', '80000000']) {
      assert.throws(() => new FrameDecoder({ maxLength: 100 }).push(Buffer.from(header, 'hex')), broken)
    }
  })

  test('a long length that is too large, unsafe, or would be negative', () => {
    for (const length of ['0000000000000065', '0020000000000000', '8000000000000000', 'ffffffffffffffff']) {
      const decoder = new FrameDecoder({ maxLength: 100 })
      assert.throws(() => decoder.push(Buffer.from(`ffffffff${length}`, 'hex')), tooLarge)
    }
    const widest = new FrameDecoder({ maxLength: Number.MAX_SAFE_INTEGER })
    assert.throws(() => widest.push(Buffer.from('ffffffff0020000000000000', 'hex')), tooLarge)
  })

  test('the first violation is final: every later call throws the same error', () => {
    const decoder = new FrameDecoder({ maxLength: 100 })
    const first = thrownBy(() => decoder.push(Buffer.from('fffffff0', 'hex')))
    assert.ok(first instanceof ProtocolError)
    assert.equal(
      thrownBy(() => decoder.push(encodeFrame(Buffer.from('good')))),
      first,
    )
    assert.equal(
      thrownBy(() => decoder.next()),
      first,
    )
    assert.equal(
      thrownBy(() => decoder.end()),
      first,
    )
    assert.equal(decoder.pendingBytes, 0)
  })

  test('a stream that ends within a frame', () => {
    const stream = encodeFrame(Buffer.from('abc'))
    for (let length = 1; length < stream.length; length++) {
      const decoder = new FrameDecoder({ maxLength: 100 })
      assert.deepEqual(decoder.push(stream.subarray(0, length)), [])
      assert.equal(decoder.pendingBytes, length)
      assert.throws(() => decoder.end(), ended)
    }
  })

  test('random bytes end in payloads or in a ProtocolError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 10 }), fc.nat(1000), (chunks, maxLength) => {
        const decoder = new FrameDecoder({ maxLength })
        try {
          for (const chunk of chunks) {
            for (const payload of decoder.push(chunk)) assert.ok(payload.length <= maxLength)
          }
          decoder.end()
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('cost', () => {
  test('a lying length allocates nothing', () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 100 }, () => {
      const decoder = new FrameDecoder({ maxLength: 2 ** 40 })
      assert.deepEqual(decoder.push(Buffer.from('ffffffff000000ff00000000', 'hex')), [])
      return decoder
    })
    assert.ok(process.memoryUsage().arrayBuffers - before < MIB)
    assert.equal(decoders.length, 100)
  })

  test('a frame sent byte by byte does not cost an object for each byte', () => {
    const decoder = new FrameDecoder({ maxLength: MIB })
    const stream = encodeFrame(Buffer.alloc(MIB, 'x'))
    const before = process.memoryUsage()
    const received: Buffer[] = []
    let most = 0
    for (let at = 0; at < stream.length; at++) {
      received.push(...decoder.push(stream.subarray(at, at + 1)))
      if (at % (64 * KIB) === 0) most = Math.max(most, process.memoryUsage().heapUsed)
    }
    assert.equal(received[0]?.length, MIB)
    assert.ok(most - before.heapUsed < 48 * MIB, `${most - before.heapUsed} bytes`)
  })

  test('a large frame in many chunks is joined once', () => {
    const decoder = new FrameDecoder({ maxLength: 64 * MIB })
    const chunk = Buffer.alloc(ONE_WRITE_LIMIT, 'y')
    const chunks = (64 * MIB) / chunk.length
    decoder.push(encodeFrameHeader(64 * MIB))
    const before = process.memoryUsage().arrayBuffers
    for (let sent = 0; sent < chunks - 1; sent++) decoder.push(chunk)
    assert.ok(process.memoryUsage().arrayBuffers - before < MIB, 'joined before it was complete')
    assert.equal(decoder.push(chunk)[0]?.length, 64 * MIB)
  })
})
