// Runs in: the test runner. One event as a line of text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError } from 'forkserver'
import { logLine } from '#src/owner/diagnostics/log-line.js'

const NOON = new Date('2026-01-31T12:00:00.004Z')

test('a line has the time, the name of the event, and its fields', () => {
  const event = { pid: 7, durationMs: 1.23456, module: 'file:///app/jobs.js', wasReady: false }
  const line = logLine('forkserver:process:start', event, NOON)
  assert.equal(line, '12:00:00.004 process:start pid=7 durationMs=1.2 module=file:///app/jobs.js wasReady=false')
})

test('fields without a value and objects are left out', () => {
  const event = { call: { reference: 1 }, signal: null, exitCode: undefined, tasks: 0 }
  assert.equal(logLine('forkserver:task:end', event, NOON), '12:00:00.004 task:end tasks=0')
})

test('a text that is not one word is quoted, so that an event stays one line', () => {
  const error = new ChildError('ERR_TIMEOUT', 'too\nlate', {})
  const event = { reason: 'a "b" c', preload: ['x', 'y z'], error, cause: new RangeError('no') }
  const line = logLine('forkserver:x', event, NOON)
  assert.equal(
    line,
    String.raw`12:00:00.004 x reason="a \"b\" c" preload=[x "y z"] ` +
      String.raw`error="ERR_TIMEOUT: too\nlate" cause="RangeError: no"`,
  )
})
