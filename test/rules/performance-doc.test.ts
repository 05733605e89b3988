// Runs in: the test runner. The tables of docs/PERFORMANCE.md and of README.md are those that bench/results gives: no
// number is typed by hand.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { faultTableOf } from '../../bench/fault-table.js'
import { frontTableOf } from '../../bench/front-table.js'
import { readReports, tablesOf } from '../../bench/table.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const RESULTS = path.join(ROOT, 'bench', 'results')

const reports = readReports(
  readdirSync(RESULTS)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => path.join(RESULTS, name)),
)
const pageOf = (name: string): string => readFileSync(path.join(ROOT, name), 'utf8')

test('docs/PERFORMANCE.md has the tables of bench/results', () => {
  assert.ok(pageOf('docs/PERFORMANCE.md').includes(tablesOf(reports)), 'node build/bench/table.js bench/results/*.json')
})

test('docs/PERFORMANCE.md has the page faults of bench/results', () => {
  assert.ok(
    pageOf('docs/PERFORMANCE.md').includes(faultTableOf(reports)),
    'node build/bench/fault-table.js bench/results/*.json',
  )
})

test('README.md has the front table of bench/results, and docs/PERFORMANCE.md has it too', () => {
  for (const name of ['README.md', 'docs/PERFORMANCE.md'])
    assert.ok(
      pageOf(name).includes(frontTableOf(reports)),
      `${name}: node build/bench/front-table.js bench/results/*.json`,
    )
})
