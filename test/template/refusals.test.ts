// Runs in: the test runner. How a template collects the clients that it has refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusals, TELL_MS } from '#src/template/refusals.js'

const native = { peerUid: (fd: number) => 1_000 + fd, peerPid: (fd: number) => 2_000 + fd }

test('nothing is told if nobody was refused', () => {
  const refusals = new Refusals(native)
  assert.equal(refusals.dueAt, Number.POSITIVE_INFINITY)
  assert.equal(refusals.take(5_000), undefined)
})

test('the first one is told at once, and those of the next second together', () => {
  const refusals = new Refusals(native)
  refusals.note(7, 'another user')
  assert.deepEqual(refusals.take(100), { name: 'refused', reason: 0, uid: 1_007, peer: 2_007, count: 1 })
  for (const fd of [8, 9, 10]) refusals.note(fd, 'it broke the protocol')
  assert.equal(refusals.dueAt, 100 + TELL_MS)
  assert.equal(refusals.take(99 + TELL_MS), undefined)
  assert.deepEqual(refusals.take(100 + TELL_MS), { name: 'refused', reason: 2, uid: 1_010, peer: 2_010, count: 3 })
  assert.equal(refusals.dueAt, Number.POSITIVE_INFINITY)
})

test('a client whose user or process the kernel does not name has the number 0', () => {
  const refusals = new Refusals({ peerUid: () => -107, peerPid: () => -107 })
  refusals.note(7, 'it does not hold the key')
  assert.deepEqual(refusals.take(0), { name: 'refused', reason: 1, uid: 0, peer: 0, count: 1 })
})
