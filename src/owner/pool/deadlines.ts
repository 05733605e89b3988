// Runs in: owner. The clocks of one worker: the time limit of a task, and the time that it has to stop when nobody waits for it any more.

import { ChildError } from '../../errors.js'
import { clearTimeout, setTimeout } from '../../platform/timers.js'
import type { Assignment } from './assignments.js'

/** Whose clocks they are. */
export interface DeadlineListener {
  readonly pid: number | undefined
  /** Its time is over. */
  onLate(sent: Assignment, error: Error): void
  /** It did not stop. */
  kill(error: Error): void
}

/** The clocks of one worker. A task with a time limit travels alone, so there is one at a time. */
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

  /** Whether any clock runs. */
  get isRunning(): boolean {
    return this.#limit !== undefined || this.#grace !== undefined
  }

  /** A task begins that may take so long, in milliseconds. */
  begin(sent: Assignment, timeout: number): void {
    this.#limit = setTimeout(() => {
      const { pid } = this.#listener
      const isKilled = this.#gracePeriod === 0
      const what = isKilled ? 'was killed' : `is asked to stop, and killed in ${this.#gracePeriod} ms`
      const text = `A task ${sent.chunk.call.reference.name}() took longer than its timeout of ${timeout} ms; worker ${pid} ${what}. Give it more time, or less to do.`
      const signal = isKilled ? { signal: 'SIGKILL' as const } : {}
      this.#listener.onLate(sent, new ChildError('ERR_TIMEOUT', text, { pid, ...signal }))
    }, timeout)
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
