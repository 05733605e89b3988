// Runs in: the test runner. A cancellation reaches the job's process, whatever its reason is. No process.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { sendCancel } from '#src/bullmq/job-requests.js'

function sent(reason: unknown): unknown {
  const line = new PassThrough()
  sendCancel(line, reason)
  return (JSON.parse(String(line.read())) as { cancel: unknown }).cancel
}

test('the reason of a cancellation arrives, also one that JSON cannot hold', () => {
  const circle: Record<string, unknown> = {}
  circle.self = circle
  assert.equal(sent('no longer wanted'), 'no longer wanted')
  assert.equal(sent(new Error('an error')), 'an error')
  assert.deepEqual(sent({ code: 1 }), { code: 1 })
  assert.deepEqual([sent(undefined), sent(null)], [null, null])
  assert.equal(sent(7n), '7n')
  assert.match(String(sent(circle)), /Circular/)
  assert.equal(sent(Symbol('stop')), 'Symbol(stop)')
})
