// Runs in: the test runner. A pool's ledger, and its messages.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findNative } from '#src/platform/native.js'
import type { SentBlock } from '#src/wire/worker/block-table.js'
import { Ledger } from '#src/wire/worker/ledger.js'
import {
  decodeFunction,
  decodeResults,
  decodeRun,
  encodeBare,
  encodeFunction,
  encodeResults,
  encodeRun,
  workerMessageOf,
} from '#src/wire/worker/worker-messages.js'
import { mapMemory, WORKER_MEMORY_BYTES } from '#src/worker-channel/worker-memory.js'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

/** Two sides of one page. Without the addon there is none to share. */
function sides(): [Ledger, Ledger] {
  const found = findNative()
  if ('missing' in found) return assert.fail(found.missing)
  const fd = found.native.newSharedMemory(WORKER_MEMORY_BYTES)
  assert.ok(fd >= 0)
  try {
    return [new Ledger(mapMemory(found.native, fd)), new Ledger(mapMemory(found.native, fd))]
  } finally {
    found.native.close(fd)
  }
}

test('a chunk is taken once: claimed or revoked', () => {
  const [owner, worker] = sides()
  const [one, other] = [owner.offer(), owner.offer()]
  assert.notEqual(one, other)
  assert.equal(worker.claim(one), true)
  assert.equal(owner.revoke(one), false)
  assert.equal(owner.revoke(other), true)
  assert.equal(worker.claim(other), false, 'and frees it')
  owner.free(one)
  const all = new Set(Array.from({ length: 128 }, () => owner.offer()))
  assert.ok(all.size === 128 && all.has(one) && all.has(other))
})

test('what has begun is seen, a chunk always with an item of its own', () => {
  const [owner, worker] = sides()
  assert.deepEqual(owner.begun, { chunk: 0, item: 0 })
  for (const [chunk, item] of [
    [1, 0],
    [1, 1],
    [1, 2],
    [7, 0],
    [0xffffffff, 5],
    [1, 0],
  ] as const) {
    worker.begin(chunk, item)
    assert.deepEqual(owner.begun, { chunk, item })
  }
})

test('slots run out with an error, not with a wrong slot', () => {
  const ledger = new Ledger()
  for (let count = 0; count < 128; count++) ledger.offer()
  assert.throws(() => ledger.offer(), /slots/)
})

test('without shared memory nothing can be revoked, and everything is claimed', () => {
  const ledger = new Ledger()
  const slot = ledger.offer()
  assert.deepEqual([ledger.isShared, ledger.revoke(slot), ledger.claim(slot)], [false, false, true])
})

test('messages come back as they were', () => {
  const u32 = fc.integer({ min: 0, max: 0xffffffff })
  const place = fc.record({ offset: fc.maxSafeNat(), length: fc.maxSafeNat() }, { noNullPrototype: true })
  const block: fc.Arbitrary<SentBlock> = fc.oneof(
    place,
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
  const blocks = fc.array(block, { maxLength: 3 })
  const run = fc.record({
    chunk: u32,
    functionId: u32,
    slot: u32,
    first: u32,
    end: u32,
    spread: fc.boolean(),
    listens: fc.boolean(),
    blocks,
    items: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  })
  fc.assert(
    fc.property(run, (message) =>
      assert.deepEqual(decodeRun(Buffer.concat([encodeRun(message), message.items])), { ...message }),
    ),
  )
  fc.assert(
    fc.property(u32, fc.double({ noNaN: true, min: 0, noDefaultInfinity: true }), blocks, fc.uint8Array(), (chunk, milliseconds, blocks, bytes) => {
      const body = Buffer.from(bytes)
      assert.deepEqual(decodeResults(Buffer.concat([encodeResults(chunk, milliseconds, blocks), body])), {
        chunk,
        milliseconds,
        blocks,
        body,
      })
    }),
  )
  fc.assert(
    fc.property(u32, fc.string(), fc.string(), (functionId, module, name) =>
      assert.deepEqual(decodeFunction(encodeFunction(functionId, module, name)), { functionId, module, name }),
    ),
  )
})

test('what is no message of the direction is refused', () => {
  const refused = { code: 'ERR_PROTOCOL' }
  for (const bytes of [[], [0], [1], [2, 0, 0], [6], [99]])
    for (const direction of ['owner to worker', 'worker to owner'] as const)
      assert.throws(() => workerMessageOf(Buffer.from(bytes), direction), refused)
  assert.throws(() => workerMessageOf(encodeBare('end'), 'worker to owner'), refused)
  assert.equal(workerMessageOf(encodeBare('end'), 'owner to worker'), 'end')
})
