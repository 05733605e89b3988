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
/** So many of them are left when V8 begins to compile. */
const COMPILED_REHEARSALS = 3

/**
 * V8's flag for that size, in bytes, and what a child gets. V8's own default is 4,096. Functions of forkserver that
 * come into the queue in a child take up to 6,000 bytes: these alone must not fill it.
 */
const QUEUE_FLAG = '--baseline-batch-compilation-threshold'
const QUEUE_BYTES = 16_384
const NEVER_FULL = 2 ** 30
const FULL_AT_ONCE = 1

/** What the owner's flags say about the queue, or QUEUE_BYTES. */
function queueBytes(execArgv: readonly string[]): string {
  const given = execArgv.findLast((flag) => flag.replaceAll('_', '-').startsWith(`${QUEUE_FLAG}=`))
  return given?.split('=')[1] ?? String(QUEUE_BYTES)
}

const LIVES: readonly ((native: Native) => Promise<unknown>)[] = [
  (native) => rehearse(native, { isSpare: false }),
  (native) => rehearse(native, { isSpare: true }),
  rehearseWorkers,
]

/**
 * What the last rehearsals have used. V8 knows an object of a class by its hidden class, and forgets a hidden class
 * when its last object is gone: at the collection of the freeze. Then each child would make it again, and would tell it
 * to each function that meets such an object (--log-ic shows it: 120 times in each child, and 450 times in a worker).
 */
let kept: unknown[] = []

/**
 * Runs the lives of a child, of a spare and of a pool's worker, again and again.
 *
 * First each life alone, and without compiling: a child writes to the feedback of each function that it calls, and so
 * the feedback of one life lies side by side, on few pages.
 * @throws what a rehearsal throws
 */
export async function rehearseAll(native: Native): Promise<void> {
  setFlagsFromString(`${QUEUE_FLAG}=${NEVER_FULL}`)
  for (const live of LIVES) for (let time = COMPILED_REHEARSALS; time < REHEARSALS; time++) await live(native)
  setFlagsFromString(`${QUEUE_FLAG}=${FULL_AT_ONCE}`)
  for (let time = 0; time < REHEARSALS; time++) emptyQueue(time)
  for (let time = 0; time < COMPILED_REHEARSALS; time++) {
    kept = []
    for (const live of LIVES) kept.push(await live(native))
  }
  setFlagsFromString(`${QUEUE_FLAG}=${queueBytes(process.execArgv)}`)
}

/** Comes into the queue like any other function, and is the one that fills it. */
const emptyQueue = (time: number): number => time + 1
