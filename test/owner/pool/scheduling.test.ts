// Runs in: the test runner. src/owner/pool/scheduling.ts: who gets the next chunk, and how many workers are started.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Candidate,
  type Limits,
  mayStartForTask,
  mostLoaded,
  nextAhead,
  nextFree,
  workersToStart,
} from '#src/owner/pool/scheduling.js'

const limits: Limits = { processes: 2, spares: 0, minProcesses: 0, maxTasksPerChild: Number.POSITIVE_INFINITY }
const worker = (given: Partial<Candidate> = {}): Candidate => {
  const { load = 0, isOpen = true, isEnding = false, takesAhead = isOpen, taken = load } = given
  return { load, isOpen, isEnding, takesAhead, taken }
}

test('a free worker is open, has nothing to do, and has tasks left', () => {
  const free = worker()
  assert.equal(nextFree([worker({ load: 1 }), worker({ isOpen: false }), free], limits), free)
  assert.equal(nextFree([worker({ taken: 3 })], { ...limits, maxTasksPerChild: 3 }), undefined)
  assert.equal(nextFree([worker({ load: 1 }), worker({ load: 2 }), free], limits), undefined, 'two work already')
})

test('ahead goes to the least loaded who takes it', () => {
  const [one, two] = [worker({ load: 2 }), worker({ load: 1 })]
  assert.equal(nextAhead([one, two, worker({ takesAhead: false })], limits), two)
  assert.equal(nextAhead([one, worker({ load: 1, taken: 5 })], { ...limits, maxTasksPerChild: 5 }), one)
  assert.equal(nextAhead([], limits), undefined)
})

test('taken back from the one that has most, if more than what it runs', () => {
  const most = worker({ load: 4 })
  assert.equal(mostLoaded([worker({ load: 2 }), most, worker()]), most)
  assert.equal(mostLoaded([worker({ load: 1 })]), undefined)
})

test('a worker for one task starts if fewer than all are busy; those that leave have a limit', () => {
  const [busy, leaving] = [worker({ load: 1 }), worker({ isEnding: true, isOpen: false })]
  assert.equal(mayStartForTask(new Set([]), limits), true)
  assert.equal(mayStartForTask(new Set([busy, leaving]), limits), true)
  assert.equal(mayStartForTask(new Set([busy, worker({ load: 1 })]), limits), false)
  assert.equal(mayStartForTask(new Set([busy, leaving, worker({ isEnding: true })]), limits), true)
  assert.equal(mayStartForTask(new Set([busy, leaving, worker(), worker()]), limits), false)
})

test('workers are started for what waits, within the limits', () => {
  const hire = (workers: Candidate[], more: Partial<Limits>, queued: number, isEnding = false): number =>
    workersToStart(new Set(workers), { ...limits, ...more }, { queued, isEnding })
  assert.equal(hire([], {}, 0), 0)
  assert.equal(hire([], {}, 1), 1)
  assert.equal(hire([], {}, 9), 2)
  assert.equal(hire([worker({ isOpen: false })], {}, 1), 0, 'one is on its way')
  assert.equal(
    hire([worker({ load: 1 }), worker({ isEnding: true, isOpen: false })], {}, 1),
    1,
    'who leaves makes room',
  )
  assert.equal(hire([], { spares: 2 }, 1), 4, 'spares are ready before they are needed')
  assert.equal(hire([], { spares: 2 }, 0), 0)
  assert.equal(hire([], { minProcesses: 2 }, 0), 2)
  assert.equal(hire([], { minProcesses: 2 }, 0, true), 0)
})

test('there are never more than twice as many as may be, those that leave included', () => {
  const candidate = fc.record({ isOpen: fc.boolean(), isEnding: fc.boolean(), load: fc.nat(3) }).map(worker)
  const some = fc.record({ processes: fc.integer({ min: 1, max: 5 }), spares: fc.nat(5), queued: fc.nat(50) })
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 30 }), some, (workers, { processes, spares, queued }) => {
      const most = 2 * (processes + spares)
      const count = workersToStart(new Set(workers), { ...limits, processes, spares }, { queued, isEnding: false })
      assert.ok(count >= 0 && (count === 0 || workers.length + count <= most), `${workers.length} and ${count} more`)
    }),
  )
})
