// Runs in: the test runner. `npm run bench -- vitest`.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { report } from './bench-reports.js'

describe('npm run bench -- vitest', () => {
  watchLeaks()

  test('vitest runs whole projects in four ways, and compares each with vitest as it is', async () => {
    interface Row {
      kind: string
      way: string
      ms: number[]
      timesFaster: number
    }
    const { results, skipped, bars } = await report<{ rows: Row[] }>('vitest')
    if (Number.parseInt(process.versions.node, 10) < 22) {
      assert.deepEqual(results.rows, [])
      assert.equal(skipped.length, 1)
      return
    }
    const ways = ['forks', 'cold', 'learnt', 'warmed']
    const cells = ['react', 'typescript'].flatMap((kind) => ways.map((way) => `${kind} ${way}`))
    assert.deepEqual(
      results.rows.map(({ kind, way }) => `${kind} ${way}`),
      cells,
    )
    for (const { way, ms, timesFaster } of results.rows) {
      assert.ok(ms.length === 1 && ms[0]! > 0)
      if (way === 'forks') assert.equal(timesFaster, 1)
    }
    assert.equal(bars.length, 4)
  })
})
