import assert from 'node:assert/strict'
import test from 'node:test'
import { compile } from '../compile.js'

test('a file may change globals', () => {
  globalThis.compile = compile
  assert.match(globalThis.compile('1'), /1;$/)
})
