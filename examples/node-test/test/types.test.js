import assert from 'node:assert/strict'
import test from 'node:test'
import { compile } from '../compile.js'

test('types go', () => assert.match(compile('let one: number = 1'), /let one = 1;$/))
