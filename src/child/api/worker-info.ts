// Runs in: child. What a task in a Pool's worker may ask of it: who am I, am I to stop, and here is how far I am. Pure: task-loop.ts takes the seat.

/** What a worker of a Pool knows of itself. */
export interface WorkerInfo {
  /** Its number in the pool: 1, 2, ... in the order of their starts. A worker that replaces another one has a number of its own. */
  readonly id: number
  /** The pool's name. */
  readonly name: string | undefined
  /** Which task of this worker is being run: 1, 2, ...; 0 in the initializer. */
  readonly task: number
  /**
   * Aborted when nobody waits for the current task any more, where the pool has a gracePeriod: after that the worker is killed. Its
   * reason is the error that the task failed with. Each task has one of its own.
   */
  readonly signal: AbortSignal
}

/** Where a worker keeps these for the tasks that it runs. */
export interface WorkerSeat {
  readonly info: WorkerInfo
  emitProgress(value: unknown): boolean
}

// One seat for all copies of this package in a process: the tasks may have brought their own.
const KEY = Symbol.for('forkserver.worker')
const shared = globalThis as { [KEY]?: WorkerSeat }

/**
 * What the worker that this runs in is, and which task it runs.
 *
 * @returns undefined in a process that is no worker of a Pool
 *
 * @example
 * export async function render(page: Page) {
 *   const response = await fetch(page.url, { signal: workerInfo()?.signal })
 * }
 */
export function workerInfo(): WorkerInfo | undefined {
  return shared[KEY]?.info
}

/**
 * Tells the caller of the current task how far it is: the `onProgress` of the call gets the value. Worth its price some times a second, not for
 * each step of a loop: every value is a message.
 *
 * @param value anything that structured clone takes
 * @returns whether somebody listens; false also in a process that is no worker, so that a task can be called anywhere
 * @throws UsageError ERR_CANNOT_CLONE
 *
 * @example
 * for (const [index, step] of steps.entries()) {
 *   step()
 *   emitProgress(index / steps.length)
 * }
 */
export function emitProgress(value: unknown): boolean {
  return shared[KEY]?.emitProgress(value) ?? false
}

/** This process is a worker from now on. */
export function takeSeat(seat: WorkerSeat): void {
  shared[KEY] = seat
}
