// Runs in: owner, template and child. Pure. Node's timers and clock as they were when forkserver was imported. Fake
// timers of a test (node:test, sinon, jest) replace them, and then a time limit would never end.
import { promisify } from 'node:util'

export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, queueMicrotask } =
  globalThis
export const { nextTick } = process
/** As setTimeout() of node:timers/promises. */
export const sleep = promisify(setTimeout)

/** As Date.now(). */
export const wallClock = { now: Date.now }
export const performance = { now: globalThis.performance.now.bind(globalThis.performance) }
