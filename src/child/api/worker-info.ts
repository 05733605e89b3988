// Runs in: child. Tells a task in a Pool's worker which worker runs it, and whether it has to stop. A task can also
// report its progress. Pure: task-loop.ts sets the worker.

/** What a worker of a Pool knows about itself. */
export interface WorkerInfo {
  /** Its number in the pool: 1, 2, ... in the order of the starts. A worker that replaces another has a new number. */
  readonly id: number
  /** The pool's name. */
  readonly name: string | undefined
  /** The number of the current task of this worker: 1, 2, ...; 0 in the initializer. */
  readonly task: number
  /**
   * If the pool has a gracePeriod: aborted when nobody waits for the current task any more. After the grace period the
   * worker is killed. The reason is the error that the task failed with. Each task has a signal of its own.
   */
  readonly signal: AbortSignal
}

/** What tasks can learn from their worker, and send by it. */
export interface CurrentWorker {
  readonly info: WorkerInfo
  emitProgress(value: unknown): boolean
}

// All copies of this package in a process share this: the module of the tasks may import a copy of its own.
const KEY = Symbol.for('forkserver.worker')
const shared = globalThis as { [KEY]?: CurrentWorker }

/**
 * The worker that runs this code, and its current task.
 *
 * @returns undefined in a process that is not a worker of a Pool
 *
 * @example
 * async function load(url: string) {
 *   return await fetch(url, { signal: workerInfo()?.signal ?? null })
 * }
 */
export function workerInfo(): WorkerInfo | undefined {
  return shared[KEY]?.info
}

/**
 * Reports the progress of the current task: the `onProgress` of the call gets the value. Each value is a message, so
 * call it some times a second, and not for each step of a loop.
 *
 * @param value anything that structured clone takes
 * @returns whether the call has an onProgress. In a process that is not a worker it is false, and nothing is sent
 * @throws UsageError ERR_CANNOT_CLONE
 *
 * @example
 * for (const [index, page] of pages.entries()) {
 *   await render(page)
 *   emitProgress(index / pages.length)
 * }
 */
export function emitProgress(value: unknown): boolean {
  return shared[KEY]?.emitProgress(value) ?? false
}

/** Makes this process a worker. */
export function becomeWorker(worker: CurrentWorker): void {
  shared[KEY] = worker
}
