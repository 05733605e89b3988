// Runs in: the test runner. The tables of docs/COMPATIBILITY.md are those that compat/results gives: no cell is
// typed by hand.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { readResults } from '../../compat/results.js'
import { detailsOf, tableOf } from '../../compat/table.js'
import { listFiles, read } from './sources.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const PACKAGES = 'compat/packages'

const files = listFiles('compat/results', /\.jsonl$/).sort()
const results = readResults(files.map((file) => path.join(ROOT, file)))

test('docs/COMPATIBILITY.md has the tables of compat/results', () => {
  const text = read('docs/COMPATIBILITY.md')
  for (const table of [tableOf(results), detailsOf(results)])
    assert.ok(text.includes(table), 'node build/compat/table.js compat/results/*.jsonl')
})

test('every result belongs to a program that is still there, and every program has a result', () => {
  for (const { name } of results) assert.ok(existsSync(path.join(ROOT, PACKAGES, `${name}.mjs`)), name)
  const tried = new Set(results.map(({ name }) => name))
  const programs = listFiles(PACKAGES, /\.mjs$/).map((file) => path.basename(file, '.mjs'))
  assert.deepEqual(
    programs.filter((name) => !tried.has(name)),
    [],
  )
})

test('the page names the cause of every wrong outcome', () => {
  const text = read('docs/COMPATIBILITY.md')
  const wrong = results.filter(({ outcomes }) => Object.values(outcomes).some(({ verdict }) => verdict === 'wrong'))
  for (const { name } of wrong)
    assert.ok(text.includes(`\n- \`${name}\`: `), `${name} is wrong, and the page does not say why`)
})

test('no result tells where things lie on the machine that made it', () => {
  const places = results.filter((result) => /\/(home|root|work|tmp\/wt)\b/.test(JSON.stringify(result)))
  assert.deepEqual(
    places.map(({ name }) => name),
    [],
  )
})

test('the packages are no part of forkserver, and their lock file names no registry', () => {
  assert.doesNotMatch(read(`${PACKAGES}/package-lock.json`), /"resolved"/)
  const own = JSON.parse(read('package.json')) as { files: string[]; workspaces?: unknown }
  assert.equal(own.workspaces, undefined)
  assert.ok(!own.files.includes('compat'))
})
