// Runs in: the test runner. When a template that does not answer is given up, and when it is not.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import type { AnswerDeadline as Deadline } from '#src/owner/launch/answer-deadline.js'

// Before the import: forkserver takes Node's timers when it is imported.
mock.timers.enable({ apis: ['setInterval'] })
const { AnswerDeadline } = await import('#src/owner/launch/answer-deadline.js')

const TIMEOUT = 1_000

/** Lets a multiple of the timeout pass. */
async function pass(timeouts: number): Promise<void> {
  for (let step = 0; step < timeouts * 20; step++) {
    mock.timers.tick(TIMEOUT / 20)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a template that owes an answer', () => {
  let missed = 0
  let work: () => string | undefined
  let answers: Deadline
  beforeEach(() => {
    missed = 0
    work = () => 'none'
    answers = new AnswerDeadline({ templateTimeout: TIMEOUT, workDone: () => work(), onMissed: () => missed++ })
  })
  afterEach(() => {
    answers.stop()
  })

  test('is given up, once, if it neither answers nor works', async () => {
    answers.expect()
    answers.expect()
    await pass(0.9)
    assert.equal(missed, 0)
    await pass(0.2)
    assert.equal(missed, 1)
    await pass(30)
    assert.equal(missed, 1)
  })

  test('is not given up if the answer came, or nobody waits for it', async () => {
    answers.expect().settle()
    await pass(30)
    const [first, second] = [answers.expect(), answers.expect()]
    await pass(0.9)
    first.settle()
    second.settle()
    await pass(30)
    assert.equal(missed, 0)
  })

  test('is not given up while it says something', async () => {
    answers.expect()
    for (let round = 0; round < 20; round++) {
      await pass(0.8)
      answers.heard()
    }
    assert.equal(missed, 0)
  })

  test('has ten times as long while it works', async () => {
    let done = 0
    work = () => String(done++)
    answers.expect()
    await pass(9.5)
    assert.equal(missed, 0)
    await pass(1)
    assert.equal(missed, 1)
  })

  test('has as long if its work cannot be seen', async () => {
    work = () => undefined
    answers.expect()
    await pass(9.5)
    assert.equal(missed, 0)
    await pass(1)
    assert.equal(missed, 1)
  })

  test('is not given up for an answer that is not due', async () => {
    let isDue = false
    answers.expect(() => isDue)
    await pass(30)
    assert.equal(missed, 0)
    isDue = true
    await pass(1.1)
    assert.equal(missed, 1)
  })
})
