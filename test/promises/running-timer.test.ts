// Runs in: the test runner. A timer that counts the time in which this process runs.
import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import type { RunningTimer as Timer } from '#src/promises/running-timer.js'

// Before the import: forkserver takes Node's timers when it is imported.
mock.timers.enable({ apis: ['setInterval'] })
const { RunningTimer } = await import('#src/promises/running-timer.js')

const MS = 1_000

/** One timer on a clock that the test moves. */
function onFakeClock(run: (timer: Timer, times: () => number) => Promise<void>): () => Promise<void> {
  return async () => {
    let times = 0
    const timer = new RunningTimer(MS, () => times++)
    try {
      await run(timer, () => times)
    } finally {
      timer.stop()
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += MS / 10) mock.timers.tick(MS / 10)
  await turn()
}

describe('a timer that counts running time', () => {
  test(
    'fires once, when its time is over',
    onFakeClock(async (timer, times) => {
      timer.start()
      await pass(MS - MS / 10)
      assert.equal(times(), 0)
      await pass(MS / 10)
      assert.equal(times(), 1)
      assert.ok(!timer.isRunning)
      await pass(3 * MS)
      assert.equal(times(), 1)
    }),
  )

  test(
    'starts anew when it is set back, and not at all when it is stopped',
    onFakeClock(async (timer, times) => {
      timer.start()
      await pass(MS - MS / 10)
      timer.start()
      await pass(MS - MS / 10)
      assert.equal(times(), 0)
      timer.stop()
      await pass(3 * MS)
      assert.equal(times(), 0)
    }),
  )

  test(
    'can be set back by what is read in the turn in which it ran out',
    onFakeClock(async (timer, times) => {
      timer.start()
      for (let step = 0; step < 10; step++) mock.timers.tick(MS / 10)
      timer.start() // as the reader of a socket does, before setImmediate()
      await turn()
      assert.equal(times(), 0)
      await pass(MS)
      assert.equal(times(), 1)
    }),
  )

  test('an event loop that stood still for long counts as one step', async () => {
    let isOver = false
    const timer = new RunningTimer(400, () => {
      isOver = true
    })
    timer.start()
    for (const end = performance.now() + 1_000; performance.now() < end; );
    await turn()
    await turn()
    assert.ok(!isOver)
    timer.stop()
  })
})
