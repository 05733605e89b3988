// Runs in: the test runner. The tables of docs/CONFORMANCE.md are those that conformance/results gives: no number is
// typed by hand.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { CAUSES } from '../../conformance/causes.js'
import { readResults, type TestResult } from '../../conformance/results.js'
import { detailsOf, summaryOf } from '../../conformance/table.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const RESULTS = path.join(ROOT, 'conformance', 'results')

const resultsIn = (folder: string): TestResult[] =>
  readResults(
    readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => path.join(folder, name)),
  )
const results = resultsIn(RESULTS)

test('docs/CONFORMANCE.md has the tables of conformance/results', () => {
  const text = readFileSync(path.join(ROOT, 'docs', 'CONFORMANCE.md'), 'utf8')
  for (const table of [summaryOf(results), detailsOf(results)])
    assert.ok(text.includes(table), 'node build/conformance/table.js')
})

test('docs/CONFORMANCE.md has the table of fork() in the place of child_process', () => {
  const text = readFileSync(path.join(ROOT, 'docs', 'CONFORMANCE.md'), 'utf8')
  assert.ok(text.includes(summaryOf(resultsIn(path.join(RESULTS, 'drop-in')))), 'node build/conformance/table.js')
})

test('every cause names tests that fail, and no test twice', () => {
  const failing = results.filter(({ verdict }) => verdict === 'fails' || verdict === 'unsteady').map(({ name }) => name)
  const named = CAUSES.flatMap(({ tests }) => tests)
  assert.equal(new Set(named).size, named.length)
  const isFailing = (name: string): boolean => failing.some((file) => file.includes(`/${name}.`))
  assert.deepEqual(
    named.filter((name) => !isFailing(name)),
    [],
  )
})

test('no result tells where things lie on the machine that made it', () => {
  const places = results.filter(({ said = '', how = '' }) => /\/(home|root|work|tmp\/wt)\b/.test(said + how))
  assert.deepEqual(
    places.map(({ name }) => name),
    [],
  )
})
