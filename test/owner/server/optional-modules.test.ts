// Runs in: the test runner. Which optional modules the next attempt to start a template does without.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Finding, TemplateError } from '#src/errors.js'
import { toLeaveOut } from '#src/owner/server/optional-modules.js'

const preload = [
  { module: 'needed', optional: false },
  { module: 'a', optional: true },
  { module: 'b', optional: true },
]
const finding = (module: string | null, severity: Finding['severity'] = 'impossible'): Finding => ({
  module,
  what: `found in ${module}`,
  severity,
})
const unforkable = (...findings: Finding[]): TemplateError => new TemplateError('ERR_UNFORKABLE', 'm', { findings })
const leaveOut = (error: unknown, given: { attempt?: number; strict?: boolean } = {}): Finding[] =>
  toLeaveOut(error, { preload, attempt: 1, strict: true, ...given })
const modules = (findings: Finding[]): (string | null)[] => findings.map(({ module }) => module)

test('those that are to blame', () => {
  assert.deepEqual(leaveOut(unforkable(finding('a'))), [finding('a')])
  assert.deepEqual(leaveOut(unforkable(finding('a'), finding('a', 'suspicious'), finding('b'))), [
    finding('a'),
    finding('a', 'suspicious'),
    finding('b'),
  ])
})

test('a suspicious one only if the start is strict', () => {
  const error = unforkable(finding('a'), finding('b', 'suspicious'))
  assert.deepEqual(modules(leaveOut(error)), ['a', 'b'])
  assert.deepEqual(modules(leaveOut(error, { strict: false })), ['a'])
})

test('none if another module is to blame, too', () => {
  assert.deepEqual(leaveOut(unforkable(finding('needed'), finding('a'))), [])
})

test('all if nobody knows which one it was', () => {
  assert.deepEqual(leaveOut(unforkable(finding(null))), [
    { module: 'a', what: 'found in null', severity: 'unknown' },
    { module: 'b', what: 'found in null', severity: 'unknown' },
  ])
  const died = new TemplateError('ERR_TEMPLATE_START', 'The template died.')
  assert.deepEqual(leaveOut(died)[0], { module: 'a', what: 'The template died.', severity: 'unknown' })
})

test('those that are to blame first, if there are other findings', () => {
  assert.deepEqual(modules(leaveOut(unforkable(finding(null), finding('a')))), ['a'])
})

test('it comes to an end: all of them in the last but one attempt, and then none', () => {
  const error = unforkable(finding('a'))
  assert.deepEqual(modules(leaveOut(error, { attempt: 3 })), ['a'])
  assert.deepEqual(leaveOut(error, { attempt: 4 }), [
    finding('a'),
    { module: 'b', what: 'found in a', severity: 'unknown' },
  ])
  assert.deepEqual(leaveOut(error, { attempt: 5 }), [])
})

test('none if it is another kind of error, or if no module is optional', () => {
  assert.deepEqual(leaveOut(new Error('m')), [])
  const needed = preload.slice(0, 1)
  assert.deepEqual(toLeaveOut(unforkable(finding(null)), { preload: needed, attempt: 1, strict: true }), [])
})
