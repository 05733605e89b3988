// Runs in: the test runner. docs/ARCHITECTURE.md tells how a template, a process and an item go through the code: each
// file that it names has the function that it names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { read, tablesOf } from './sources.js'

const COLUMNS = ['runs in', 'file', 'function', 'what happens']

/** Whether a file defines a function or method of this name. */
function defines(file: string, name: string): boolean {
  const escaped = name.replace(/[#$]/g, '\\$&')
  const inTypeScript = new RegExp(`^\\s*(export )?(static )?(async )?(function )?${escaped}(<[^(]*>)?\\(`, 'm')
  const inC = new RegExp(`^(static )?\\w[\\w ]*\\*? ?\\*?${escaped}\\([^;]*$`, 'm')
  return (file.endsWith('.c') ? inC : inTypeScript).test(read(file))
}

const stories = tablesOf('docs/ARCHITECTURE.md', ...COLUMNS)

test('all stories are there', () => {
  assert.equal(stories.length, 3)
  for (const story of stories) assert.ok(story.length > 10)
})

for (const [runsIn, file, name] of stories.flat()) {
  test(`${file} has ${name}`, () => {
    assert.ok(defines(file!, name!.replaceAll('`', '')), `${name} is not defined in ${file}`)
    const process = runsIn === 'worker' ? 'child' : runsIn!
    assert.match(
      read(file!).split('\n').slice(0, 3).join(' '),
      new RegExp(`Runs in: [^.]*\\b${process}\\b`),
      `${file} does not run in the ${process}`,
    )
  })
}

test('a function that is not there is not found', () => {
  assert.ok(!defines('src/owner/process/process.ts', 'begin'))
  assert.ok(!defines('native/fork/fork.c', 'drain_platform')) // it is only called there
})
