// Runs in: the test runner. The run of a process in whose place another one runs its job: it is watched as the first
// one was, and errors name it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Exit } from '#src/owner/launch/exit.js'
import type { JobChannelListener, Launched } from '#src/owner/launch/launcher.js'
import { ProcessRun } from '#src/owner/process/process-run.js'
import { defer } from '#src/promises/deferred.js'

const LIMIT = { timeout: 60_000 }

/** A process that is none. */
function fake() {
  const exited = defer<Exit>()
  const state = { pid: 1, rss: 0, isWatched: defer<void>(), looks: 0, signals: [] as string[] }
  let listener: JobChannelListener | undefined
  const launched: Launched = {
    get pid() {
      return state.pid
    },
    channel: {
      listen: (given) => {
        listener = given
      },
      ended: Promise.resolve(),
      hasBegun: false,
    },
    stdio: [],
    ipc: null,
    exited: exited.promise,
    isStale: () => false,
    rssBytes: () => {
      state.looks++
      state.isWatched.resolve()
      return state.rss
    },
    kill: (signal) => {
      state.signals.push(signal)
      return true
    },
    holdLoop: () => {},
  }
  const end = (exit: Exit): void => {
    listener!.onEnd()
    exited.resolve(exit)
  }
  return { launched, state, end }
}

function begin(launched: Launched): ProcessRun<unknown> {
  const run = new ProcessRun<unknown>({ isProgram: false, limits: { rss: 100 } })
  run.begin({ launched, startedAt: new Error(), cutoff: undefined })
  return run
}

describe('a process in the place of another one', LIMIT, () => {
  test('has its limit of memory, and the error names it', async () => {
    const { launched, state, end } = fake()
    const hold = setInterval(() => {}, 1_000) // the watch does not keep the event loop running
    const run = begin(launched)
    await state.isWatched.promise // the first one has ended: it has no memory
    Object.assign(state, { pid: 2, rss: 101 })
    await assert.rejects(run.result, { code: 'ERR_CHILD_DIED', pid: 2, message: /^Process 2 was killed.*limits\.rss/ })
    assert.deepEqual(state.signals, ['SIGKILL'])
    end({ exitCode: null, signal: 'SIGKILL' })
    assert.equal((await run.ended).signal, 'SIGKILL')
    clearInterval(hold)
  })

  test('dies: the error names it', async () => {
    const { launched, state, end } = fake()
    const run = begin(launched)
    state.pid = 2
    end({ exitCode: null, signal: 'SIGSEGV' })
    await assert.rejects(run.result, { code: 'ERR_CHILD_DIED', pid: 2, message: /^Process 2 was killed by SIGSEGV/ })
  })
})

test('a process whose channel has ended before it is watched is not watched', LIMIT, async () => {
  const { launched, state } = fake()
  launched.channel.listen = (listener) => listener.onEnd()
  const run = begin(launched)
  await run.channelEnd
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(state.looks, 0)
})
