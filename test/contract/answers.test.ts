// Runs in: the test runner. What a job's result is when the process ends in another way than by returning.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError, type Reference } from 'forkserver'
import { contract, exits, failureOf, follow, handlers } from './contract.js'

contract('the result', (site) => {
  const died = async (reference: Reference<() => unknown>): Promise<ChildError> => {
    const ended = await follow(reference, [], { server: site.server })
    const error = failureOf(ended)
    assert.ok(error instanceof ChildError, String(error))
    assert.equal(error.code, 'ERR_CHILD_DIED')
    assert.equal(error.pid, ended.pid)
    assert.deepEqual({ exitCode: error.exitCode, signal: error.signal }, ended.exit)
    return error
  }

  test('process.exit() before the result', async () => {
    const error = await died(exits.exitsAtOnce)
    assert.deepEqual([error.exitCode, error.signal], [9, null])
    assert.match(error.message, /exited with code 9 before it delivered a result/)
  })

  test('a function that never settles, when nothing is left to wait for', async () => {
    assert.deepEqual((await died(exits.neverSettles)).exitCode, 0)
  })

  test('a signal', async () => {
    // The signal races with the delivery of a result, so these jobs have none: they are killed inside the function.
    const error = await died(handlers.killsItself).catch((reason: unknown) => reason)
    assert.ok(error instanceof ChildError, String(error))
    assert.equal(error.signal, 'SIGKILL')
    assert.match(error.message, /was killed by SIGKILL before it delivered a result/)
    assert.equal((await died(handlers.aborts)).signal, 'SIGABRT')
  })

  test('process.exit() after the result does not change it', async () => {
    const { answer, exit } = await follow(exits.exitsInATimer, [], { server: site.server })
    assert.deepEqual(answer, { value: undefined })
    assert.equal(exit.exitCode, 11)
  })

  test('an uncaught error is the result of a job that has none', async () => {
    const ended = await follow(exits.throwsInATimer, [], { server: site.server })
    const error = failureOf(ended) as RangeError & { code: string; extra: unknown }
    assert.ok(error instanceof RangeError)
    assert.deepEqual([error.message, error.code, error.extra], ['late', 'ERR_LATE', [1]])
    assert.match(error.stack ?? '', /exits\.js[\s\S]*in process \d+, called from/)
    assert.equal(ended.exit.exitCode, 1)
  })

  test('and so is a value that is thrown, or an unhandled rejection', async () => {
    assert.equal(failureOf(await follow(exits.throwsText, [], { server: site.server })), 'just text')
    assert.equal(failureOf(await follow(exits.throwsUndefined, [], { server: site.server })), undefined)
    const error = failureOf(await follow(exits.rejectsUnhandled, [], { server: site.server }))
    assert.ok(error instanceof TypeError)
    assert.equal(error.message, 'nobody cares')
  })

  test('an uncaught error after the result does not change it', async () => {
    const { answer, exit } = await follow(exits.throwsAfterItsResult, [], { server: site.server })
    assert.deepEqual(answer, { value: undefined })
    assert.equal(exit.exitCode, 1)
  })

  test('work that goes on after the result is not cut off', async () => {
    const { answer, stdout } = await follow(exits.worksOnAfterItsResult, [], { server: site.server })
    assert.deepEqual(answer, { value: undefined })
    assert.equal(stdout, 'still there\n')
  })

  test('an uncaught error that something took care of is not the result', async () => {
    for (const how of ['listener', 'capture'] as const) {
      const { answer, exit } = await follow(handlers.survives, [how], { server: site.server })
      assert.deepEqual(answer, { value: 'survived' }, how)
      assert.equal(exit.exitCode, 0, how)
    }
  })
})
