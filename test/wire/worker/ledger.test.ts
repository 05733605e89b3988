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

test('every word that no honest side writes is found', () => {
  const memory = new ArrayBuffer(4096)
  const [owner, worker] = [new Ledger(memory), new Ledger(memory)]
  const words = new Int32Array(memory)
  const [claimed, offered, revoked] = [owner.offer(), owner.offer(), owner.offer()]
  assert.equal(owner.offered, 3)
  worker.claim(claimed)
  owner.revoke(revoked)
  worker.begin(7, 1)
  owner.verify()
  const violation = { code: 'ERR_PROTOCOL' }
  const allowed = new Map([
    [claimed, [1, 2]],
    [offered, [1, 2]],
    [revoked, [0, 3]],
    [127, [0]],
  ])
  for (const [slot, states] of allowed)
    for (const state of [0, 1, 2, 3, 4, -1, 0x7fffffff]) {
      const before = words[5 + slot]!
      words[5 + slot] = state
      if (states.includes(state)) owner.verify()
      else assert.throws(() => owner.verify(), violation, `slot ${slot}, state ${state}`)
      words[5 + slot] = before
    }
  for (const current of [2, -1, 0x7fffffff]) {
    words[0] = current
    assert.throws(() => owner.verify(), violation)
    assert.deepEqual(owner.begun, { chunk: 0, item: 0 })
    worker.begin(8, 0) // and writes nowhere else
  }
  for (const slot of [128, 0xffffffff, 127]) assert.throws(() => worker.claim(slot), violation)
})

test('a worker that never frees a slot is found, and the owner does not throw meanwhile', () => {
  const owner = new Ledger(new ArrayBuffer(4096))
  for (let count = 0; count < 128; count++) owner.revoke(owner.offer())
  owner.verify()
  assert.ok(owner.offer() < 128)
  assert.throws(() => owner.verify(), { code: 'ERR_PROTOCOL' })
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
    fc.property(
      u32,
      fc.double({ noNaN: true, min: 0, noDefaultInfinity: true }),
      blocks,
      fc.uint8Array(),
      (chunk, milliseconds, blocks, bytes) => {
        const body = Buffer.from(bytes)
        assert.deepEqual(decodeResults(Buffer.concat([encodeResults(chunk, milliseconds, blocks), body])), {
          chunk,
          milliseconds,
          blocks,
          body,
        })
      },
    ),
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
