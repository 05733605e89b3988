// Runs in: the test runner. The tables of docs/PERFORMANCE.md are those that bench/results gives: no number is typed by
// hand.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { readReports, tablesOf } from '../../bench/table.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const RESULTS = path.join(ROOT, 'bench', 'results')

test('docs/PERFORMANCE.md has the tables of bench/results', () => {
  const files = readdirSync(RESULTS).filter((name) => name.endsWith('.json'))
  const tables = tablesOf(readReports(files.sort().map((name) => path.join(RESULTS, name))))
  assert.ok(
    readFileSync(path.join(ROOT, 'docs', 'PERFORMANCE.md'), 'utf8').includes(tables),
    'node build/bench/table.js bench/results/*.json',
  )
})
