// Runs in: the test runner. The steps of an exit: each once, in their order, whatever a program has broken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExitSteps } from '#src/child/exit-steps.js'

function recorded(broken: readonly string[] = []): { steps: ExitSteps; calls: string[] } {
  const calls: string[] = []
  const note = (name: string): void => {
    calls.push(name)
    if (broken.includes(name)) throw new Error(`${name} is broken`)
  }
  const steps = new ExitSteps({
    onFatal: () => note('fatal'),
    atExit: () => note('atExit'),
    flush: () => note('flush'),
    onLeaving: (exitCode) => note(`leaving ${exitCode}`),
  })
  return { steps, calls }
}

test('all steps run in their order, and a second exit runs none', () => {
  const { steps, calls } = recorded()
  steps.all(3)
  steps.all(4)
  assert.deepEqual(calls, ['atExit', 'flush', 'leaving 3'])
})

test('the at-exit step may come first by itself, before a signal to itself', () => {
  const { steps, calls } = recorded()
  steps.atExit()
  steps.all(0)
  assert.deepEqual(calls, ['atExit', 'flush', 'leaving 0'])
})

test('an error in a handler tells the exit code only', () => {
  const { steps, calls } = recorded()
  steps.tellLeaving(7)
  steps.tellLeaving(7)
  assert.deepEqual(calls, ['leaving 7'])
})

test('a step that throws stops no other', () => {
  const { steps, calls } = recorded(['fatal', 'atExit', 'flush', 'leaving 1'])
  steps.fatal(new Error('on purpose'))
  steps.all(1)
  steps.all(1)
  assert.deepEqual(calls, ['fatal', 'atExit', 'flush', 'leaving 1'])
})
