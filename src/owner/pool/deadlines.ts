// Runs in: owner. Timers for the tasks of one worker: the time limit of a task, and the grace period in which a task
// must stop if nobody waits for it any more.
import { clearTimeout, setImmediate, setTimeout } from '../../platform/timers.js'
import type { Assignment } from './assignments.js'
import { LEAST_WAIT_MS, lateTask, lateWorker } from './worker-errors.js'

/** The worker whose timers they are. */
export interface DeadlineListener {
  readonly pid: number | undefined
  /** The time limit of this chunk is over. */
  onLate(sent: Assignment, error: Error): void
  /** A task did not stop within the grace period. */
  kill(error: Error): void
}

/** The timers of one worker. A task with a time limit is sent alone, so there is one at a time. */
export class Deadlines {
  readonly #listener: DeadlineListener
  readonly #gracePeriod: number
  #limit: NodeJS.Timeout | undefined
  #grace: NodeJS.Timeout | undefined

  /** @param gracePeriod in milliseconds; 0 if there is none */
  constructor(listener: DeadlineListener, gracePeriod: number) {
    this.#listener = listener
    this.#gracePeriod = gracePeriod
  }

  /** Whether any timer runs. */
  get isRunning(): boolean {
    return this.#limit !== undefined || this.#grace !== undefined
  }

  /** A task was sent. Its time limit is `timeout` milliseconds. */
  begin(sent: Assignment, timeout: number): void {
    this.#startLimit(sent, timeout, () => lateTask(sent.chunk, this.#listener.pid, this.#gracePeriod))
  }

  /** A task was sent with the start of its worker, and its time limit begins when that is ready. */
  await(sent: Assignment, timeout: number): void {
    this.#startLimit(sent, Math.max(timeout, LEAST_WAIT_MS), () => lateWorker(sent.chunk))
  }

  // Node runs timers before it reads what has come. If this process was busy, the answer may be there: that is read
  // first.
  #startLimit(sent: Assignment, milliseconds: number, errorOf: () => Error): void {
    const end = (): void => {
      if (this.#limit === limit) this.#listener.onLate(sent, errorOf())
    }
    const limit = setTimeout(() => setImmediate(end), milliseconds)
    this.#limit = limit
  }

  /** The worker was asked to stop a task, which failed with this error. */
  giveGrace(error: Error): void {
    if (this.#grace) return
    const end = (): void => {
      if (this.#grace === grace) this.#listener.kill(error)
    }
    const grace = setTimeout(() => setImmediate(end), this.#gracePeriod)
    this.#grace = grace
  }

  /** A chunk is done. `isOwing` says that the worker still has other chunks that it was asked to stop. */
  done({ isOwing }: { isOwing: boolean }): void {
    clearTimeout(this.#limit)
    this.#limit = undefined
    if (isOwing) return
    clearTimeout(this.#grace)
    this.#grace = undefined
  }
}
