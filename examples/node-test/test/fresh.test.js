import assert from 'node:assert/strict'
import test from 'node:test'

test('no other file sees that', () => assert.equal(globalThis.compile, undefined))
