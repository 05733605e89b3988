// Runs in: the test runner. A pool whose workers do not come up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError, ResourceError, UsageError } from '#src/errors.js'
import { StartFailures } from '#src/owner/pool/start-failures.js'

const died = new ChildError('ERR_CHILD_DIED', 'It died.', { pid: 1 })
const refused = new ResourceError('ERR_RESOURCE', 'No room.')

test('three in a row, and the pool gives up; one that comes up begins the count anew', () => {
  const failures = new StartFailures(() => {})
  const fail = (): boolean => failures.failed(died, { hasOthers: true })
  assert.deepEqual([fail(), fail()], [false, false])
  failures.ready()
  assert.deepEqual([fail(), fail(), fail()], [false, false, true])
  assert.equal(failures.isPaused, false)
})

test('no room on the machine: others work on, and the pool asks again later', async () => {
  await new Promise<void>((resume) => {
    const failures = new StartFailures(() => {
      assert.equal(failures.isPaused, false)
      resume()
    })
    for (let count = 0; count < 10; count++) assert.equal(failures.failed(refused, { hasOthers: true }), false)
    assert.equal(failures.isPaused, true)
  })
})

test('no room, and nobody else: it gives up', () => {
  const failures = new StartFailures(() => {})
  const fail = (): boolean => failures.failed(refused, { hasOthers: false })
  assert.deepEqual([fail(), fail(), fail()], [false, false, true])
})

test('a mistake does not mend itself: it gives up at once', () => {
  const closed = new UsageError('ERR_INVALID_STATE', 'This server is closed.')
  assert.equal(new StartFailures(() => {}).failed(closed, { hasOthers: true }), true)
})

test('workers that are ready and die without work end a pool whose tasks wait, and no other', () => {
  for (const isWanted of [true, false]) {
    const failures = new StartFailures(() => {})
    const gaveUp = Array.from({ length: 10 }, () => failures.unused({ isWanted }))
    assert.deepEqual([gaveUp.indexOf(true), failures.isPaused], [isWanted ? 9 : -1, true])
  }
})

test('workers that are ready and die without work are not started in a loop; work resets the count', async () => {
  await new Promise<void>((resume) => {
    const failures = new StartFailures(resume)
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < 3; count++) failures.unused({ isWanted: true })
      assert.equal(failures.isPaused, false)
      failures.worked()
    }
    for (let count = 0; count < 4; count++) failures.unused({ isWanted: true })
    assert.equal(failures.isPaused, true)
  })
})
