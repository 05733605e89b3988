// Runs in: the test runner. A pool whose workers do not come up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError, ResourceError } from '#src/errors.js'
import { Hiring } from '#src/owner/pool/start-failures.js'

const died = new ChildError('ERR_CHILD_DIED', 'It died.', { pid: 1 })
const refused = new ResourceError('ERR_RESOURCE', 'No room.')

test('three in a row, and the pool gives up; one that comes up begins the count anew', () => {
  const hiring = new Hiring(() => {})
  const fail = (): boolean => hiring.failed(died, { hasOthers: true })
  assert.deepEqual([fail(), fail()], [false, false])
  hiring.succeeded()
  assert.deepEqual([fail(), fail(), fail()], [false, false, true])
  assert.equal(hiring.isPaused, false)
})

test('no room on the machine: others work on, and the pool asks again later', async () => {
  await new Promise<void>((resume) => {
    const hiring = new Hiring(() => {
      assert.equal(hiring.isPaused, false)
      resume()
    })
    for (let count = 0; count < 10; count++) assert.equal(hiring.failed(refused, { hasOthers: true }), false)
    assert.equal(hiring.isPaused, true)
  })
})

test('no room, and nobody else: it gives up', () => {
  const hiring = new Hiring(() => {})
  const fail = (): boolean => hiring.failed(refused, { hasOthers: false })
  assert.deepEqual([fail(), fail(), fail()], [false, false, true])
})
