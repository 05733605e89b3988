// Runs in: the test runner. Whatever the sizes and whoever waits, the bytes of a ring arrive in order, a sleeper is
// woken, and positions that cannot be are refused.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RING_CONTROL_BYTES, Ring } from '#src/wire/worker/ring.js'

const place = { control: 0, start: RING_CONTROL_BYTES, size: 16 }
const ends = (memory = new ArrayBuffer(RING_CONTROL_BYTES + place.size)): [Ring, Ring] => [
  new Ring(memory, place, 'writer'),
  new Ring(memory, place, 'reader'),
]

describe('Ring', () => {
  test('whatever is written and read in turns, the bytes arrive in order', () => {
    const step = fc.record({ write: fc.nat({ max: 20 }), publish: fc.boolean(), read: fc.nat({ max: 20 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer(), (steps, begin) => {
        const memory = new ArrayBuffer(RING_CONTROL_BYTES + place.size)
        new Int32Array(memory)[0] = begin // the positions count on for ever: begin anywhere, also just before they wrap
        new Int32Array(memory)[16] = begin
        const [writer, reader] = ends(memory)
        const [sent, heard]: [number[], number[]] = [[], []]
        const read = (most: number): void => {
          const bytes = [...(reader.readable ?? [])].slice(0, most)
          heard.push(...bytes)
          reader.consume(bytes.length)
        }
        for (const { write, publish, read: most } of steps) {
          const bytes = Uint8Array.from({ length: Math.min(write, writer.room) }, (_, i) => (sent.length + i) & 0xff)
          writer.write(bytes)
          sent.push(...bytes)
          if (publish) writer.publish()
          read(most)
        }
        writer.publish()
        while (reader.readable) read(5)
        assert.deepEqual(heard, sent)
        assert.equal(writer.room, place.size)
      }),
    )
  })

  test('a reader sees nothing before it is published, and a writer no room before it is consumed', () => {
    const [writer, reader] = ends()
    writer.write(new Uint8Array(16))
    assert.deepEqual([writer.room, reader.readable], [0, undefined])
    writer.publish()
    assert.equal(reader.readable?.length, 16)
    assert.equal(writer.room, 0)
    reader.consume(3)
    assert.equal(writer.room, 3)
  })

  test('a sleeper is woken once, and nobody who is awake', () => {
    const [writer, reader] = ends()
    writer.write(Uint8Array.of(1))
    writer.publish()
    assert.equal(writer.takeSleeper(), false)
    assert.equal(reader.sleep(), false, 'there is something')
    reader.consume(1)
    assert.equal(reader.sleep(), true)
    writer.write(Uint8Array.of(1))
    writer.publish()
    assert.deepEqual([writer.takeSleeper(), writer.takeSleeper()], [true, false])
    assert.equal(writer.waitForRoom(), false, 'there is room')
    writer.write(new Uint8Array(15))
    writer.publish()
    assert.equal(writer.waitForRoom(), true)
    assert.deepEqual([reader.consume(1), reader.consume(1)], [true, false])
  })
})

test('positions that cannot be are refused by both sides, and harm nothing', () => {
  const position = fc.oneof(fc.integer(), fc.constantFrom(0, 16, 17, -1, 0x7fffffff))
  fc.assert(
    fc.property(fc.constantFrom(0, 16), position, (word, value) => {
      const memory = new ArrayBuffer(RING_CONTROL_BYTES + place.size)
      const [writer, reader] = ends(memory)
      writer.write(new Uint8Array(10))
      writer.publish()
      reader.consume(4)
      new Int32Array(memory)[word] = value
      for (const look of [() => writer.room, () => writer.isRead, () => writer.waitForRoom(), () => reader.readable])
        try {
          const seen = look()
          const bytes = typeof seen === 'number' ? seen : typeof seen === 'object' ? seen.length : 0
          assert.ok(bytes >= 0 && bytes <= place.size)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_PROTOCOL')
        }
    }),
  )
})
