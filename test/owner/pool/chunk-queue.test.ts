// Runs in: the test runner. The queue of a pool.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Chunk } from '#src/owner/pool/chunk.js'
import { chunksOf } from '#src/owner/pool/chunk-codec.js'
import { ChunkQueue } from '#src/owner/pool/chunk-queue.js'
import { callOf, chunkOf, Notes } from './chunks.js'

test('higher priorities first, then first come, first served; what is put back is next', () => {
  const queue = new ChunkQueue()
  const [low, high] = [callOf({ priority: -1 }), callOf({ priority: 3 })]
  const [a, b, c, d] = [low, high, high, low].map((call) => chunkOf(1, { call })) as [Chunk, Chunk, Chunk, Chunk]
  for (const chunk of [a, b, c, d]) queue.push(chunk)
  assert.equal(queue.length, 4)
  assert.equal(queue.shift(), b)
  queue.unshift(b)
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift(), queue.shift(), queue.shift()], [b, c, a, d, undefined])
  assert.equal(queue.length, 0)
})

test('a call can be taken out', () => {
  const queue = new ChunkQueue()
  const [one, other] = [callOf(), callOf()]
  const chunks = [one, other, one].map((call) => chunkOf(1, { call }))
  for (const chunk of chunks) queue.push(chunk)
  assert.deepEqual(
    queue.remove(({ call }) => call === one),
    [chunks[0], chunks[2]],
  )
  assert.deepEqual([queue.length, queue.shift()], [1, chunks[1]])
  queue.push(chunks[0]!)
  assert.deepEqual(queue.remove(), [chunks[0]])
  assert.equal(queue.length, 0)
})

test('priorities that nobody uses any more are forgotten', () => {
  const queue = new ChunkQueue()
  const priorities = Array.from({ length: 50 }, (_, index) => (index * 37) % 101)
  for (const priority of priorities) queue.push(chunkOf(1, { call: callOf({ priority }) }))
  const highestFirst = [...priorities].sort((a, b) => b - a)
  assert.deepEqual(queue.priorities, highestFirst)
  for (const priority of highestFirst) assert.equal(queue.shift()?.call.priority, priority)
  assert.deepEqual(queue.priorities, [0])
  const again = [5, -3, 5].map((priority) => chunkOf(1, { call: callOf({ priority }) }))
  for (const chunk of again) queue.push(chunk)
  assert.deepEqual(queue.priorities, [5, 0, -3])
  assert.deepEqual(
    queue.remove(({ call }) => call.priority < 0),
    [again[1]],
  )
  assert.deepEqual(queue.priorities, [5, 0])
  assert.deepEqual(queue.remove(), [again[0], again[2]])
  assert.deepEqual(queue.priorities, [0])
})

test('it is a queue, whatever is done with it (thousands of chunks, too: it compacts itself)', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 700 }), fc.constant(-1), fc.integer({ min: -900, max: -2 }))),
      (steps) => {
        const queue = new ChunkQueue()
        const model: Chunk[] = []
        for (const step of steps) {
          if (step > 0) {
            for (let index = 0; index < step; index++) {
              const chunk = chunkOf()
              queue.push(chunk)
              model.push(chunk)
            }
          } else if (step === -1) {
            const chunk = chunkOf()
            queue.unshift(chunk)
            model.unshift(chunk)
          } else {
            for (let index = 0; index < -step; index++) assert.equal(queue.shift(), model.shift())
          }
          assert.equal(queue.length, model.length)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('an item that cannot be cloned fails alone, and the others keep their numbers', () => {
  const notes = new Notes()
  const chunks = chunksOf(callOf(), [1, () => {}, 3], { receiver: notes, observer: notes })
  assert.deepEqual(
    notes.settled.map(([item, outcome]) => [item, 'error' in outcome]),
    [[1, true]],
  )
  assert.equal(notes.failed, 0) // it never was a task of the pool
  assert.deepEqual(
    chunks.map(({ first, end }) => [first, end]),
    [
      [0, 1],
      [2, 3],
    ],
  )
})
