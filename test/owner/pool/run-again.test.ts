// Runs in: the test runner. Which error the chunks of a worker that has ended fail with, and which of them run again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError } from '#src/errors.js'
import type { Call, Chunk } from '#src/owner/pool/chunk.js'
import { chunksToRunAgain } from '#src/owner/pool/run-again.js'
import { endErrors, type KnownEnd } from '#src/owner/pool/worker-errors.js'
import { callOf, chunkOf, Notes } from './chunks.js'

const aborted = Object.assign(new Error('aborted'), { name: 'AbortError' })

function begun(call: Call, size = 1, notes = new Notes()): Chunk {
  const chunk = chunkOf(size, { call, notes })
  chunk.sent()
  chunk.begun()
  return chunk
}

const endOf = (more: Partial<KnownEnd>): ReturnType<typeof endErrors> =>
  endErrors({
    pid: 7,
    exit: { exitCode: null, signal: 'SIGKILL' },
    reason: undefined,
    thrown: undefined,
    isReady: true,
    culprit: undefined,
    chunk: undefined,
    memoryLimit: undefined,
    ...more,
  })

test('a worker that is killed for one task: another one that it had begun has died, and is retried', () => {
  const [culprit, other, last] = [callOf({ isOver: true }), callOf({ retries: 1 }), callOf()]
  const late = Object.assign(new Error('late'), { code: 'ERR_TIMEOUT' })
  for (const reason of [aborted, late]) {
    const chunks = [culprit, other, last].map((call) => begun(call))
    const again = chunksToRunAgain({
      begun: chunks,
      unbegun: [],
      errorOf: endOf({ reason, culprit, chunk: chunks[0] }),
    })
    assert.deepEqual(again, [chunks[1]])
    assert.equal(chunks[0]!.failure, reason)
    const { code, cause } = chunks[2]!.failure as ChildError
    assert.deepEqual([code, cause], ['ERR_CHILD_DIED', reason])
  }
})

test('the end of the pool is the reason for all tasks, whatever its worker was asked to stop before', () => {
  const reason = Object.assign(new Error('terminated'), { code: 'ERR_INVALID_STATE' })
  const chunk = begun(callOf({ retries: 1 }))
  assert.deepEqual(chunksToRunAgain({ begun: [chunk], unbegun: [], errorOf: endOf({ reason, culprit: callOf() }) }), [])
  assert.equal(chunk.failure, reason)
})

test('a chunk that is retried is run task by task, and each task is counted once', () => {
  const notes = new Notes()
  const chunk = begun(callOf({ retries: 1 }), 3, notes)
  const again = chunksToRunAgain({ begun: [chunk], unbegun: [], errorOf: endOf({ chunk }) })
  assert.deepEqual(
    again.map(({ first, end, state }) => [first, end, state]),
    [0, 1, 2].map((item) => [item, item + 1, 'queued']),
  )
  assert.equal(notes.tasks.queued, 3)
  for (const one of again) one.sent()
  assert.deepEqual([notes.tasks.queued, notes.tasks.sent], [0, 3])
})

test('what a worker threw outside of its tasks is the cause, and a worker that is never ready says so', () => {
  const thrown = new Error('no lock file')
  const dead = endOf({ thrown, chunk: chunkOf() })()
  assert.ok(dead instanceof ChildError && dead.cause === thrown)
  assert.match(dead.message, /while it ran job\(\)/)
  assert.match(endOf({ thrown, isReady: false })().message, /before it was ready: no lock file/)
})
