// Runs in: the test runner. The queue of a pool.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Call, type Chunk, chunksOf, partOf } from '#src/owner/pool/chunk.js'
import { ChunkQueue } from '#src/owner/pool/chunk-queue.js'

const callOf = (priority = 0): Call => ({
  reference: {} as never,
  spread: false,
  timeout: undefined,
  priority,
  retries: 0,
  onProgress: undefined,
  onOutput: undefined,
  isOver: false,
})
const chunkOf = (call: Call, count = 1): Chunk => chunksOf(call, new Array(count).fill(0), { settle: () => {} })[0]!

test('higher priorities first, then first come, first served; what is put back is next', () => {
  const queue = new ChunkQueue()
  const [low, high] = [callOf(-1), callOf(3)]
  const [a, b, c, d] = [chunkOf(low, 2), chunkOf(high), chunkOf(high), chunkOf(low)]
  for (const chunk of [a, b, c, d]) queue.push(chunk)
  assert.deepEqual([queue.length, queue.tasks], [4, 5])
  assert.equal(queue.shift(), b)
  queue.unshift(b)
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift(), queue.shift(), queue.shift()], [b, c, a, d, undefined])
  assert.deepEqual([queue.length, queue.tasks], [0, 0])
})

test('a call can be taken out', () => {
  const queue = new ChunkQueue()
  const [one, other] = [callOf(), callOf()]
  const chunks = [chunkOf(one), chunkOf(other), chunkOf(one)]
  for (const chunk of chunks) queue.push(chunk)
  assert.deepEqual(queue.remove(one), [chunks[0], chunks[2]])
  assert.deepEqual([queue.length, queue.shift()], [1, chunks[1]])
  queue.push(chunks[0]!)
  assert.deepEqual(queue.remove(), [chunks[0]])
  assert.equal(queue.length, 0)
})

test('it is a queue, whatever is done with it (thousands of chunks, too: it compacts itself)', () => {
  const call = callOf()
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 700 }), fc.constant(-1), fc.integer({ min: -900, max: -2 }))),
      (steps) => {
        const queue = new ChunkQueue()
        const model: Chunk[] = []
        for (const step of steps) {
          if (step > 0) {
            for (let index = 0; index < step; index++) {
              const chunk = { ...MODEL_CHUNK, call }
              queue.push(chunk)
              model.push(chunk)
            }
          } else if (step === -1) {
            const chunk = { ...MODEL_CHUNK, call }
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
const MODEL_CHUNK = chunkOf(callOf())

test('an item that cannot be cloned fails alone, and the others keep their numbers', () => {
  const settled: [number, boolean][] = []
  const chunks = chunksOf(callOf(), [1, () => {}, 3], {
    settle: (item, outcome) => settled.push([item, 'error' in outcome]),
  })
  assert.deepEqual(settled, [[1, true]])
  assert.deepEqual(
    chunks.map(({ first, end }) => [first, end]),
    [
      [0, 1],
      [2, 3],
    ],
  )
})

test('a part of a chunk keeps its call', () => {
  const chunk = chunkOf(callOf(), 5)
  const part = partOf(chunk, 2, 4, 7)
  assert.deepEqual([part.first, part.end, part.retries, part.call, part.items], [2, 4, 7, chunk.call, chunk.items])
})
