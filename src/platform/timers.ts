// Runs in: owner and child. Node's timers and clock as they were when forkserver was imported. Fake timers of a test
// (node:test, sinon, jest) put others in their place, and a time limit would then never end.
import * as timers from 'node:timers'
import { setTimeout as promiseTimeout } from 'node:timers/promises'

// By value: the bindings of Node's own modules change when somebody else replaces what they export.
export const setTimeout = timers.setTimeout
export const clearTimeout = timers.clearTimeout
export const setImmediate = timers.setImmediate
export const queueMicrotask = globalThis.queueMicrotask
export const nextTick = process.nextTick
/** Waits for so many milliseconds. */
export const sleep = promiseTimeout

export const performance = { now: globalThis.performance.now.bind(globalThis.performance) }
