// Runs in: the test runner. A worker is told of each function once, however many references to it there are.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remote } from '#src/owner/naming/remote.js'
import { FunctionIds } from '#src/owner/pool/function-ids.js'

test('each function has one number, whichever reference names it', () => {
  const told: [number, string][] = []
  const ids = new FunctionIds((id, reference) => told.push([id, String(reference)]))
  const ask = (module: string, name: string): number => ids.of(remote(module)[name]!)
  for (let round = 0; round < 3; round++) {
    assert.equal(ask('/jobs.js', 'one'), 0)
    assert.equal(ask('/jobs.js', 'two'), 1)
    assert.equal(ask('/other.js', 'one'), 2)
  }
  assert.equal(ask('file:///jobs.js#a', 'b#c'), 3)
  assert.equal(ask('file:///jobs.js', 'a#b#c'), 4)
  assert.deepEqual(
    told.map(([id]) => id),
    [0, 1, 2, 3, 4],
  )
})
