// Runs in: child. The job of a worker for one task (Pool's `isolate: 'task'`). The task came with the job, and it is
// answered on the job channel. So the worker costs as much as any process with a job: it shares no memory with its
// owner, has no event, no socket of its own, and no loop of messages (task-loop.ts).
import { Buffer } from 'node:buffer' // a program may delete the global one
import { clearInterval, performance, setInterval } from '../../platform/timers.js'
import { decodeList } from '../../wire/worker/plain-list.js'
import { encodeBare, encodeResults, type OneTaskSetup } from '../../wire/worker/worker-messages.js'
import { whenWritten } from './captured-output.js'
import type { CurrentTask } from './current-task.js'
import { addFailure, encodeAnswer, type TaskResults } from './encode-answer.js'
import { find } from './task-loop.js'

/** The longest interval of a timer, in milliseconds. */
const LONG_MS = 2 ** 31 - 1

/** What the worker needs. In a rehearsal it does not leave. */
export interface OneTaskSite {
  task: CurrentTask
  /** Sends a message of the worker channel. */
  send(message: Uint8Array): void
  leave(): void
}

/** Runs the task, answers, runs the teardown, and leaves. */
export async function runOneTask({ task, send, leave }: OneTaskSite, setup: OneTaskSetup): Promise<void> {
  const { chunk, item, teardown, listens } = setup
  const start = performance.now()
  // Sent before any code of the task, which may end the process.
  send(encodeBare('ready'))
  task.speakBy((head, body) => send(Buffer.concat([head, body])))
  task.beginChunk(chunk, { listens, reason: undefined })
  const results: TaskResults = { first: item, values: [], failures: [] }
  try {
    task.begin(item)
    results.values.push(await call(setup))
  } catch (error) {
    results.values.push(undefined)
    addFailure(results, item, error)
  }
  // The owner reads the output when the answer comes.
  if (setup.isCaptured) await whenWritten()
  const { body } = encodeAnswer(results, false)
  task.endChunk()
  send(Buffer.concat([encodeResults(chunk, performance.now() - start, []), body]))
  try {
    if (teardown) await (await find(teardown))()
  } finally {
    leave()
  }
}

async function call({ reference, items, item, spread }: OneTaskSetup): Promise<unknown> {
  const { buffer, byteOffset, byteLength } = items
  const list = decodeList(Buffer.from(buffer, byteOffset, byteLength)) as unknown[]
  const run = await find(reference)
  const value = spread ? run(...(list[item] as unknown[])) : run(list[item])
  if (typeof (value as PromiseLike<unknown> | undefined)?.then !== 'function') return value
  // As in every worker, an empty event loop is no end: a task may wait for something that does not keep it running.
  const hold = setInterval(() => {}, LONG_MS)
  try {
    return await value
  } finally {
    clearInterval(hold)
  }
}
