// Runs in: owner. Timers for the tasks of one worker: a task's time limit, and the time in which it must stop if
// nobody waits
// for it any more.
import { clearTimeout, setTimeout } from '../../platform/timers.js'
import type { Assignment } from './assignments.js'
import { lateTask } from './worker-errors.js'

/** Whose timers they are. */
export interface DeadlineListener {
  readonly pid: number | undefined
  /** The time of this chunk is over. */
  onLate(sent: Assignment, error: Error): void
  /** It did not stop. */
  kill(error: Error): void
}

/** The timers of one worker. A task with a time limit travels alone, so there is one at a time. */
export class Deadlines {
  readonly #listener: DeadlineListener
  readonly #gracePeriod: number
  #limit: NodeJS.Timeout | undefined
  #grace: NodeJS.Timeout | undefined

  /** @param gracePeriod in milliseconds; 0: there is none */
  constructor(listener: DeadlineListener, gracePeriod: number) {
    this.#listener = listener
    this.#gracePeriod = gracePeriod
  }

  /** Whether any timer runs. */
  get isRunning(): boolean {
    return this.#limit !== undefined || this.#grace !== undefined
  }

  /** A task was sent that may take so long, in milliseconds. */
  begin(sent: Assignment, timeout: number): void {
    this.#limit = setTimeout(
      () => this.#listener.onLate(sent, lateTask(sent.chunk, this.#listener.pid, this.#gracePeriod)),
      timeout,
    )
  }

  /** The worker was asked to stop a task that failed with this. */
  giveGrace(error: Error): void {
    this.#grace ??= setTimeout(() => this.#listener.kill(error), this.#gracePeriod)
  }

  /** A chunk is done; `isOwing`: it has still others that it was asked to stop. */
  done({ isOwing }: { isOwing: boolean }): void {
    clearTimeout(this.#limit)
    this.#limit = undefined
    if (isOwing) return
    clearTimeout(this.#grace)
    this.#grace = undefined
  }
}
