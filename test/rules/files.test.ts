// Runs in: the test runner. Every file says which process runs it, and no file has outgrown its one idea.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, read } from './sources.js'

const MAX_LINES = 300
const FOLDERS = ['src', 'test', 'bench', 'demo', 'stress', 'conformance', 'compat', 'platforms', 'scripts']
const files = [...FOLDERS.flatMap((folder) => listFiles(folder, /\.(ts|mjs)$/)), ...listFiles('native', /\.[ch]$/)]

test('every file says which process runs it', () => {
  for (const file of files) assert.match(read(file), /^\/\/ Runs in: /, file)
})

// Doc comments do not count: those of the public classes are the API reference, and need their length.
const withoutDocComments = (text: string): string => text.replace(/^ *\/\*\*[\s\S]*?\*\/\n/gm, '')

test('no file outgrows its idea', () => {
  for (const file of files) {
    const lines = withoutDocComments(read(file)).split('\n').length
    assert.ok(lines <= MAX_LINES + 1, `${file} has ${lines} lines: what two things is it?`)
  }
})
