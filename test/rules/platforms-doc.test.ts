// Runs in: the test runner. The tables of docs/PLATFORMS.md are those that platforms/results gives: no cell is typed by
// hand.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { readResults } from '../../platforms/results.js'
import { stressTables, tableOf, testTable } from '../../platforms/table.js'
import { read } from './sources.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const results = readResults(path.join(ROOT, 'platforms', 'results'))
const page = read('docs/PLATFORMS.md')

test('docs/PLATFORMS.md has the tables of platforms/results', () => {
  for (const table of [tableOf(results), stressTables(results), testTable(results)])
    assert.ok(page.includes(table), 'node build/platforms/table.js')
})

test('the page says why each step that failed did so', () => {
  const failed = results.flatMap(({ steps }) => steps.filter(({ outcome }) => outcome !== 'passed'))
  for (const { name } of failed) {
    const shown = name.replace(/\.js$/, '.ts')
    assert.ok(page.includes(`\n- \`${shown}\`: `), `${shown} failed, and the page does not say why`)
  }
})

test('no result tells where things lie on the machine that made it', () => {
  for (const result of results) assert.doesNotMatch(JSON.stringify(result), /\/(home|root|work|tmp\/wt)\b/)
})
