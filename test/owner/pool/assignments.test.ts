// Runs in: the test runner. The chunks that a worker has: answered in order, revoked from behind, and split when it
// dies.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Assignments } from '#src/owner/pool/assignments.js'
import type { Chunk } from '#src/owner/pool/chunk.js'
import { Ledger } from '#src/wire/worker/ledger.js'
import { callOf, chunkOf } from './chunks.js'

const parts = (chunks: readonly Chunk[]): number[][] => chunks.map(({ base, first, end }) => [base, first, end])

const DEAD = { isReady: true, countsLosses: true }
const noBlocks = (): never => assert.fail('There is no block.')

/** Three chunks of four tasks, as owner and worker see them. */
function setUp(): { sent: Assignments; worker: Ledger; ids: number[]; slots: number[] } {
  const memory = new ArrayBuffer(2048)
  const sent = new Assignments(new Ledger(memory))
  const added = [0, 4, 8].map((base) => sent.add(chunkOf(4, { base })))
  return { sent, worker: new Ledger(memory), ids: added.map(({ id }) => id), slots: added.map(({ slot }) => slot) }
}

test('answers come in order, and no other one is taken for one', () => {
  const { sent, ids } = setUp()
  assert.equal(sent.answer(ids[1]!), undefined)
  assert.equal(sent.answer(ids[0]!)?.chunk.base, 0)
  assert.equal(sent.answer(ids[0]!), undefined)
  assert.equal(sent.first?.chunk.base, 4)
  assert.equal(sent.length, 2)
})

test('what is taken back comes from behind, is nothing that the worker has claimed, and never the only chunk', () => {
  const { sent, worker, slots } = setUp()
  assert.equal(sent.revokeLast(noBlocks)?.base, 8)
  assert.ok(worker.claim(slots[0]!))
  assert.ok(worker.claim(slots[1]!))
  assert.equal(sent.revokeLast(noBlocks), undefined)
  assert.ok(!worker.claim(slots[2]!))
  const alone = new Assignments(new Ledger(new ArrayBuffer(2048)))
  alone.add(chunkOf())
  assert.equal(alone.revokeLast(noBlocks), undefined)
})

test('a worker that dies has begun what is in front of the task that it began last', () => {
  const { sent, worker, ids } = setUp()
  worker.begin(ids[1]!, 2)
  const { begun, unbegun } = sent.split(DEAD, noBlocks)
  assert.deepEqual(parts(begun), [
    [0, 0, 4],
    [4, 0, 3],
  ])
  assert.deepEqual(parts(unbegun), [
    [4, 3, 4],
    [8, 0, 4],
  ])
  assert.equal(sent.length, 0)
})

test('tasks that have failed already do not fail again', () => {
  const { sent, worker, ids } = setUp()
  sent.first!.chunk.fail(new Error('late'))
  worker.begin(ids[0]!, 0)
  const { begun, unbegun } = sent.split(DEAD, noBlocks)
  assert.deepEqual(parts(begun), [])
  assert.deepEqual(parts(unbegun), [
    [4, 0, 4],
    [8, 0, 4],
  ])
})

test('a chunk that the worker had claimed has begun, even if it died before the first task of it', () => {
  const { sent, worker, ids, slots } = setUp()
  assert.ok(worker.claim(slots[0]!))
  worker.begin(ids[0]!, 3)
  assert.ok(worker.claim(slots[1]!))
  const { begun, unbegun } = sent.split(DEAD, noBlocks)
  assert.deepEqual(parts(begun), [
    [0, 0, 4],
    [4, 0, 4],
  ])
  assert.deepEqual(parts(unbegun), [[8, 0, 4]])
  assert.deepEqual(
    unbegun.map(({ losses, state }) => [losses, state]),
    [[1, 'queued']],
  )
})

test('a task whose time is over has begun, whether the worker came to it or not', () => {
  const { sent } = setUp()
  sent.first!.chunk.begun()
  const { begun, unbegun } = sent.split({ ...DEAD, countsLosses: false }, noBlocks)
  assert.deepEqual(parts(begun), [[0, 0, 4]])
  assert.deepEqual(
    unbegun.map(({ losses }) => losses),
    [0, 0],
  )
})

test('what a dead worker scribbled into its ledger is no task of another chunk', () => {
  for (const item of [-5, 4, 2 ** 31 - 1]) {
    const { sent, worker, ids } = setUp()
    worker.begin(ids[0]!, item)
    const { begun, unbegun } = sent.split(DEAD, noBlocks)
    assert.deepEqual([parts(begun), unbegun.length], [[[0, 0, 4]], 2])
  }
})

test('large buffers come back with what was not begun, and only with that', () => {
  const { sent, worker, ids } = setUp()
  for (let at = 0; at < 3; at++) sent.find(({ id }) => id === ids[at])!.blocks = [{ offset: at, length: 1 }]
  const taken: unknown[] = []
  const takeBack = (block: unknown): Uint8Array => {
    taken.push(block)
    return Uint8Array.of(taken.length)
  }
  assert.deepEqual(sent.revokeLast(takeBack)?.blocks, [Uint8Array.of(1)])
  worker.begin(ids[0]!, 3)
  const { begun, unbegun } = sent.split(DEAD, takeBack)
  assert.deepEqual(
    taken,
    [2, 1].map((offset) => ({ offset, length: 1 })),
  )
  assert.deepEqual(
    [begun.map(({ blocks }) => blocks), unbegun.map(({ blocks }) => blocks)],
    [[[]], [[Uint8Array.of(2)]]],
  )
})

test('without shared memory the first chunk counts as begun, if the worker took tasks at all', () => {
  for (const isReady of [true, false]) {
    const sent = new Assignments(new Ledger())
    const call = callOf()
    for (const base of [0, 4]) sent.add(chunkOf(4, { base, call }))
    const { begun, unbegun } = sent.split({ ...DEAD, isReady }, noBlocks)
    assert.deepEqual(parts(begun), isReady ? [[0, 0, 4]] : [])
    assert.equal(unbegun.length, isReady ? 1 : 2)
  }
})
