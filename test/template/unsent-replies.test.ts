// Runs in: the test runner. src/template/unsent-replies.ts: whatever a socket takes at a time, all bytes arrive in
// order, and memory is bounded.
import assert from 'node:assert/strict'
import os from 'node:os'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MAX_UNREAD_BYTES, Unsent } from '#src/template/unsent-replies.js'

const NOT_NOW = -os.constants.errno.EAGAIN

describe('Unsent', () => {
  test('whatever the socket takes at a time, the bytes arrive in order, from memory that is used again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })),
        fc.array(fc.nat({ max: 60 })),
        (sent, rooms) => {
          const unsent = new Unsent()
          const arrived: Buffer[] = []
          const carrier = Buffer.alloc(50)
          let turn = 0
          const write = (bytes: Buffer): number => {
            const room = rooms[turn++] ?? 0
            if (room === 0) return NOT_NOW
            arrived.push(Buffer.from(bytes.subarray(0, room)))
            return Math.min(room, bytes.length)
          }
          for (const bytes of sent) {
            carrier.set(bytes)
            assert.ok(unsent.send(carrier.subarray(0, bytes.length), write))
            carrier.fill(0xee)
          }
          assert.ok(unsent.flush((bytes) => arrived.push(Buffer.from(bytes)) && bytes.length))
          assert.ok(unsent.isEmpty)
          assert.deepEqual(Buffer.concat(arrived), Buffer.concat(sent))
        },
      ),
    )
  })

  test('a client that reads nothing is given up at the limit, and not before', () => {
    const unsent = new Unsent()
    const half = Buffer.alloc(MAX_UNREAD_BYTES / 2)
    const full = (): number => NOT_NOW
    assert.ok(unsent.send(half, full))
    assert.ok(unsent.send(half, full))
    assert.ok(!unsent.send(Buffer.alloc(1), full))
  })

  test('an error of the socket ends it', () => {
    const broken = (): number => -os.constants.errno.EPIPE
    assert.ok(!new Unsent().send(Buffer.from('a'), broken))
    const waiting = new Unsent()
    assert.ok(waiting.send(Buffer.from('a'), () => NOT_NOW))
    assert.ok(!waiting.flush(broken))
  })
})
