import assert from 'node:assert/strict'
import test from 'node:test'
import { compile } from '../compile.js'

test('what is no TypeScript is an error', () => assert.throws(() => compile('let 1 = one'), SyntaxError))
