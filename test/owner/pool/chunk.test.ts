// Runs in: the test runner. A chunk: one state, and each of its tasks is settled once, whatever becomes of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Chunk, ChunkState } from '#src/owner/pool/chunk.js'
import { callOf, chunkOf, Notes } from './chunks.js'

test('a chunk goes from the queue to a worker to its outcomes, and says so at each step', () => {
  const notes = new Notes()
  const chunk = chunkOf(2, { notes })
  chunk.sent()
  chunk.begun()
  chunk.settle((item) => (item === 0 ? { value: 'a' } : { error: 'b' }))
  assert.deepEqual(notes.states, [
    [undefined, 'queued'],
    ['queued', 'sent'],
    ['sent', 'begun'],
    ['begun', 'settled'],
  ])
  assert.deepEqual(notes.settled, [
    [0, { value: 'a' }],
    [1, { error: 'b' }],
  ])
  assert.deepEqual([notes.completed, notes.failed], [1, 1])
})

test('a chunk that is settled stays so, and no step can be left out', () => {
  const notes = new Notes()
  const chunk = chunkOf(1, { notes })
  assert.throws(() => chunk.retry() || chunkOf().lost([], { counts: true }), /queued cannot be queued/)
  chunk.fail('first')
  chunk.fail('second')
  chunk.settle(() => ({ value: 'third' }))
  chunk.forget()
  assert.deepEqual(notes.settled, [[0, { error: 'first' }]])
  assert.throws(() => chunk.sent(), /settled cannot be sent/)
})

test('what is split off keeps its call, its items, its retries and its losses', () => {
  const chunk = chunkOf(5, { call: callOf({ retries: 1 }) })
  chunk.sent()
  chunk.lost([], { counts: true })
  chunk.sent()
  const front = chunk.splitBefore(2)
  assert.deepEqual([front.first, front.end, chunk.first, chunk.end], [0, 2, 2, 5])
  assert.deepEqual([front.call, front.items, front.losses, front.state], [chunk.call, chunk.items, 1, 'sent'])
  front.begun()
  assert.deepEqual([front.retry(), front.state], [true, 'queued'])
  front.sent()
  front.begun()
  assert.equal(front.retry(), false)
})

test('the caller may change its buffers behind submit(): they are copied if they may be sent once more', () => {
  const own = Uint8Array.of(1)
  const copy = Uint8Array.of(2)
  for (const [retries, isSent, kept] of [
    [0, false, [copy]],
    [0, true, []],
    [1, true, [copy]],
  ] as const) {
    const chunk = chunkOf(1, { call: callOf({ retries }) })
    chunk.sent()
    chunk.revoked([own])
    if (isSent) chunk.sent()
    chunk.keepBlocks(() => copy)
    assert.deepEqual(chunk.blocks, kept)
  }
})

test('each task is settled once and in one state, whatever happens to its chunk', () => {
  const step = fc.record({
    what: fc.constantFrom('send', 'begin', 'lose', 'revoke', 'retry', 'split', 'settle', 'fail') as fc.Arbitrary<
      'send' | 'begin' | 'lose' | 'revoke' | 'retry' | 'split' | 'settle' | 'fail'
    >,
    which: fc.nat(),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 60 }), (count, steps) => {
      const notes = new Notes()
      const chunks: Chunk[] = [chunkOf(count, { notes, call: callOf({ retries: 2 }) })]
      for (const { what, which } of steps) {
        const chunk = chunks[which % chunks.length]!
        const { state } = chunk
        if (what === 'send' && state === 'queued') chunk.sent()
        if (what === 'begin') chunk.begun()
        if (what === 'lose' && state === 'sent') chunk.lost([], { counts: true })
        if (what === 'revoke' && state === 'sent') chunk.revoked([])
        if (what === 'retry' && state === 'begun') chunk.retry()
        if (what === 'split' && chunk.size > 1 && state !== 'settled') chunks.push(chunk.splitBefore(chunk.first + 1))
        if (what === 'settle') chunk.settle(() => ({ value: 1 }))
        if (what === 'fail') chunk.fail(new Error('failed'))
        const tasks: Record<ChunkState, number> = { queued: 0, sent: 0, begun: 0, settled: 0 }
        for (const { state: now, size } of chunks) tasks[now] += size
        assert.deepEqual(notes.tasks, tasks)
      }
      for (const chunk of chunks) chunk.fail(new Error('the end'))
      const items = notes.settled.map(([item]) => item).sort((a, b) => a - b)
      assert.deepEqual(
        items,
        Array.from({ length: count }, (_, item) => item),
      )
      assert.equal(notes.completed + notes.failed, count)
    }),
  )
})
