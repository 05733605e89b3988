// Runs in: the test runner. How many spares a server wants.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { IDLE_MS, MOST, SpareDemand } from '#src/owner/launch/spare-demand.js'

describe('SpareDemand', () => {
  test('a fixed number does not change', () => {
    const demand = new SpareDemand(3, 1)
    assert.equal(demand.followsLoad, false)
    assert.equal(demand.wanted(0), 3)
    demand.started(0)
    assert.equal(demand.wanted(10 * IDLE_MS), 3)
  })

  test('following the load: none before the second start, then one for each more', () => {
    const demand = new SpareDemand(undefined, 2)
    const wanted = [0, 1, 2, 3].map((now) => {
      demand.started(now)
      return demand.wanted(now)
    })
    assert.deepEqual(wanted, [0, 1, 2, 2])
  })

  test('at most MOST, however many processors there are', () => {
    const demand = new SpareDemand(undefined, 64)
    for (let now = 0; now < 100; now++) demand.started(now)
    assert.equal(demand.wanted(100), MOST)
  })

  test('after forget() the next start is the first one', () => {
    const demand = new SpareDemand(undefined, 4)
    for (let now = 0; now < 10; now++) demand.started(now)
    demand.forget()
    const wanted = [10, 11].map((now) => {
      demand.started(now)
      return demand.wanted(now)
    })
    assert.deepEqual(wanted, [0, 1])
  })

  test('none when idle for long', () => {
    const demand = new SpareDemand(undefined, 4)
    for (let now = 0; now < 10; now++) demand.started(now)
    assert.equal(demand.wanted(6 + IDLE_MS), 2)
    assert.equal(demand.wanted(9 + IDLE_MS), 0)
  })
})
