// Runs in: template. How often the life of a child is rehearsed, and what V8 has compiled after that.
//
// V8 counts the calls of a function. At the eighth it makes room for feedback, and puts the function into a queue. When
// the functions of the queue make 4 kB of machine code together, V8 compiles them, on another thread. If that comes in
// a child, each child does it again: both of its threads then write to pages that it shares with its template, and each
// such page interrupts the other thread's processor (docs/PERFORMANCE.md, "Code that every child compiled"). So the
// rehearsal is repeated until V8 has compiled what every child runs, and the queue is empty at the fork.
import { setFlagsFromString } from 'node:v8'
import type { Native } from '../platform/native.js'
import { rehearse } from './rehearse-child.js'
import { rehearseWorkers } from './rehearse-worker.js'

/** More often than V8 waits for (--invocation-count-for-feedback-allocation). */
const REHEARSALS = 14

/**
 * V8's flag for that size, in bytes, and what a child gets. V8's own default is 4,096. Functions of forkserver that
 * come into the queue in a child take up to 6,000 bytes: these alone must not fill it.
 */
const QUEUE_FLAG = '--baseline-batch-compilation-threshold'
const QUEUE_BYTES = 16_384

/** What the owner's flags say about the queue, or QUEUE_BYTES. */
function queueBytes(execArgv: readonly string[]): string {
  const given = execArgv.findLast((flag) => flag.replaceAll('_', '-').startsWith(`${QUEUE_FLAG}=`))
  return given?.split('=')[1] ?? String(QUEUE_BYTES)
}

/**
 * Runs the lives of a child and of a pool's worker, again and again.
 * @throws what a rehearsal throws
 */
export async function rehearseAll(native: Native): Promise<void> {
  setFlagsFromString(`${QUEUE_FLAG}=1`) // the next function empties the queue
  for (let time = 0; time < REHEARSALS; time++) {
    for (const isSpare of [true, false]) await rehearse(native, { isSpare })
    await rehearseWorkers(native)
  }
  setFlagsFromString(`${QUEUE_FLAG}=${queueBytes(process.execArgv)}`)
}
