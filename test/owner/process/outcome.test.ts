// Runs in: the test runner. Outcome: what is known of a process, in whatever order it is heard.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ChildError, TemplateError } from '#src/errors.js'
import { type Answer, Outcome } from '#src/owner/process/outcome.js'

const EXIT = { exitCode: 3, signal: null }
const lost = new TemplateError('ERR_TEMPLATE_LOST', 'gone')

function errorOf(answer: Answer | undefined): unknown {
  assert.ok(answer && 'error' in answer)
  return answer.error
}

function diedError(outcome: Outcome): ChildError {
  const error = errorOf(outcome.answer)
  assert.ok(error instanceof ChildError, String(error))
  assert.equal(error.code, 'ERR_CHILD_DIED')
  return error
}

/** Of a process that exists. */
function started(): Outcome {
  const outcome = new Outcome()
  outcome.started({ pid: 7 })
  return outcome
}

describe('the answer', () => {
  test('there is none at first', () => {
    const outcome = started()
    assert.deepEqual([outcome.answer, outcome.isOver, outcome.end], [undefined, false, undefined])
  })

  test('a value is there at once, before the end', () => {
    const outcome = started()
    outcome.answered({ value: undefined })
    assert.deepEqual(outcome.answer, { value: undefined })
    assert.equal(outcome.isOver, false)
  })

  test('the first counts', () => {
    const outcome = started()
    outcome.answered({ error: 'first' })
    outcome.answered({ value: 'second' })
    outcome.channelEnded()
    outcome.exited(EXIT)
    assert.deepEqual(outcome.answer, { error: 'first' })
  })

  test('an error that is undefined is an answer, too', () => {
    const outcome = started()
    outcome.answered({ error: undefined })
    outcome.channelEnded()
    outcome.exited(EXIT)
    assert.equal(errorOf(outcome.answer), undefined)
  })

  test('may come after the exit, as long as the channel is open', () => {
    const outcome = started()
    outcome.exited(EXIT)
    assert.equal(outcome.answer, undefined)
    outcome.answered({ value: 1 })
    outcome.channelEnded()
    assert.deepEqual(outcome.answer, { value: 1 })
  })

  test('without one, the process has died: by its exit code', () => {
    const outcome = started()
    outcome.channelEnded()
    assert.equal(outcome.answer, undefined)
    outcome.exited(EXIT)
    const { pid, exitCode, signal, message } = diedError(outcome)
    assert.deepEqual([pid, exitCode, signal], [7, 3, null])
    assert.match(message, /^Process 7 exited with code 3 before it delivered a result\. A job must return/)
  })

  test('or by a signal', () => {
    const outcome = started()
    outcome.exited({ exitCode: null, signal: 'SIGSEGV' })
    outcome.channelEnded()
    const { exitCode, signal, message } = diedError(outcome)
    assert.deepEqual([exitCode, signal], [null, 'SIGSEGV'])
    assert.match(message, /^Process 7 was killed by SIGSEGV before/)
  })
})

describe('the end', () => {
  test('messages may come before the pid is known', () => {
    const outcome = new Outcome()
    outcome.leaving(3)
    outcome.channelEnded()
    assert.equal(outcome.isOver, false)
    outcome.started({ pid: 8 })
    outcome.exited(EXIT)
    assert.equal(diedError(outcome).pid, 8)
  })

  test('needs the exit and the end of the channel, in any order', () => {
    for (const order of [
      ['exited', 'channelEnded'],
      ['channelEnded', 'exited'],
    ]) {
      const outcome = started()
      for (const [index, event] of order.entries()) {
        assert.deepEqual([outcome.isOver, outcome.end], [false, undefined], `${index} events`)
        if (event === 'exited') outcome.exited(EXIT)
        else outcome.channelEnded()
      }
      assert.equal(outcome.isOver, true)
      assert.deepEqual(outcome.end, { exit: EXIT })
    }
  })

  test('the exit that was observed counts more than what the child said', () => {
    const outcome = started()
    outcome.leaving(0)
    outcome.exited({ exitCode: null, signal: 'SIGKILL' })
    outcome.channelEnded()
    assert.deepEqual(outcome.end, { exit: { exitCode: null, signal: 'SIGKILL' } })
  })

  test('the first exit counts', () => {
    const outcome = started()
    outcome.exited(EXIT)
    outcome.exited({ exitCode: 0, signal: null })
    outcome.exitLost(lost)
    outcome.channelEnded()
    assert.deepEqual(outcome.end, { exit: EXIT })
  })

  test('without a template, it is what the child said', () => {
    const outcome = started()
    outcome.exitLost(lost)
    assert.equal(outcome.isOver, false, 'it lives on')
    outcome.answered({ value: 1 })
    outcome.leaving(4)
    outcome.channelEnded()
    assert.deepEqual(outcome.end, { exit: { exitCode: 4, signal: null } })
    assert.deepEqual(outcome.answer, { value: 1 })
  })

  test('without a template and without its word, nobody knows: never an odd exit code', () => {
    const outcome = started()
    outcome.channelEnded()
    outcome.exitLost(lost)
    assert.deepEqual(outcome.end, { error: lost })
    assert.equal(errorOf(outcome.answer), lost)
  })

  test('without a template, a child that said its code and no result has died with that code', () => {
    const outcome = started()
    outcome.leaving(9)
    outcome.channelEnded()
    outcome.exitLost(lost)
    assert.equal(diedError(outcome).exitCode, 9)
  })
})
