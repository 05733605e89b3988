// Runs in: the test runner. Lines of JSON that come in pieces. No process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineOf, MessageLines } from '#src/bullmq/child/messages.js'

test('messages come back, however they are cut', () => {
  const messages = [{ a: 1 }, { text: 'two\nlines' }, {}]
  const text = messages.map(lineOf).join('')
  for (let size = 1; size <= text.length; size++) {
    const lines = new MessageLines<object>()
    const found: object[] = []
    for (let at = 0; at < text.length; at += size) found.push(...lines.take(text.slice(at, at + size)))
    assert.deepEqual(found, messages)
  }
})

test('a long line costs as much as its length', () => {
  const lines = new MessageLines<string>()
  const piece = 'x'.repeat(64 * 1024)
  lines.take('"')
  for (let count = 0; count < 1_500; count++) assert.deepEqual(lines.take(piece), [])
  assert.equal(lines.take('"\n')[0]!.length, 1_500 * piece.length)
})

test('what is no JSON is an error', () => {
  assert.throws(() => new MessageLines().take('{\n'), SyntaxError)
})
