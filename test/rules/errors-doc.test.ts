// Runs in: the test runner. docs/ERRORS.md lists the codes of the code, no more and no fewer, with their classes and
// meanings.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import * as errors from '#src/errors.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

test('docs/ERRORS.md has the table of src/errors.ts', () => {
  const text = readFileSync(path.join(ROOT, 'docs', 'ERRORS.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| `(\w+)` \| (.+) \|$/gm)].map(([, code, name, meaning]) => [
    code,
    name,
    meaning,
  ])
  assert.deepEqual(
    rows,
    Object.entries(errors.ERROR_CODES).map(([code, [name, meaning]]) => [code, name, meaning]),
  )
})

test('every class of the table is exported under its name', () => {
  for (const [name] of Object.values(errors.ERROR_CODES)) {
    const Class = errors[name] as unknown as { prototype: Error }
    assert.equal(Class.prototype.name, name)
  }
})
