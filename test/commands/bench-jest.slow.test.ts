// Runs in: the test runner. `npm run bench -- jest`.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { report } from './bench-reports.js'

describe('npm run bench -- jest', () => {
  watchLeaks()

  test('jest runs whole projects in four ways, and compares each with jest as it is', async () => {
    interface Row {
      kind: string
      way: string
      ms: number[]
      timesAsLong: number
    }
    const { results, skipped, bars } = await report<{ rows: Row[] }>('jest')
    assert.deepEqual(skipped, [])
    const ways = ['fresh', 'reused', 'cold', 'learnt']
    const cells = ['trivial', 'typescript'].flatMap((kind) => ways.map((way) => `${kind} ${way}`))
    assert.deepEqual(
      results.rows.map(({ kind, way }) => `${kind} ${way}`),
      cells,
    )
    for (const { kind, way, ms, timesAsLong } of results.rows) {
      assert.ok(ms.length === 1 && ms[0]! > 0)
      const reused = results.rows.find((row) => row.kind === kind && row.way === 'reused')!
      assert.equal(timesAsLong, ms[0]! / reused.ms[0]!, `${kind} ${way}`)
    }
    assert.deepEqual(
      bars.map(({ wanted }) => wanted),
      ['at most 1.1 x', 'at most 1 x', 'at most 1.1 x', 'at most 1 x'],
    )
  })
})
