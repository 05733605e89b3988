// Runs in: the test runner. The stress table of docs/FORK_SAFETY.md is the one that stress/results gives: no number is
// typed by hand.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { readResults, tableOf } from '../../stress/table.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const RESULTS = path.join(ROOT, 'stress', 'results')

test('docs/FORK_SAFETY.md has the table of stress/results', () => {
  const files = readdirSync(RESULTS).filter((name) => name.endsWith('.jsonl'))
  const table = tableOf(readResults(files.sort().map((name) => path.join(RESULTS, name))))
  assert.ok(
    readFileSync(path.join(ROOT, 'docs', 'FORK_SAFETY.md'), 'utf8').includes(table),
    'node build/stress/table.js',
  )
})
