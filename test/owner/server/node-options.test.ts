// Runs in: the test runner. NODE_OPTIONS as words: as Node itself reads it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { joinNodeOptions, splitNodeOptions } from '#src/owner/server/node-options.js'

test('words that are joined are split again into the same words', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      assert.deepEqual(splitNodeOptions(joinNodeOptions(words)), words)
    }),
  )
})

test('spaces part, double quotes keep them, and a backslash counts inside quotes only', () => {
  for (const [text, words] of [
    ['', []],
    ['  --a   --b ', ['--a', '--b']],
    ['--require "a b.js"', ['--require', 'a b.js']],
    ['--require="a b.js" --c', ['--require=a b.js', '--c']],
    ['"a\\"b" c\\d', ['a"b', 'c\\d']],
    ['""', ['']],
  ] as const)
    assert.deepEqual(splitNodeOptions(text), words, text)
})

test('Node reads joined words as they were', () => {
  for (const title of ['plain', 'with space', 'with "quotes"', 'with \\ backslash', "it's"]) {
    const env = { ...process.env, NODE_OPTIONS: joinNodeOptions([`--title=${title}`, '--no-warnings']) }
    const { stdout } = spawnSync(process.execPath, ['-p', 'process.title'], { env, encoding: 'utf8' })
    assert.equal(stdout, `${title}\n`)
  }
})
