// Runs in: owner. What a Pool does if workers do not start, or end before they do any work: it
// starts the next one later, or gives up.

import { ResourceError, UsageError } from '../../errors.js'
import { setTimeout } from '../../platform/timers.js'

/** If this many workers in a row end before they are ready, the pool gives up. */
export const MAX_FAILED_STARTS = 3
/** If the machine cannot start one more worker while others work, the pool tries again after this, in milliseconds. */
const RETRY_MS = 100
/** This many workers in a row may be ready and end without work before the pool starts the next one later. */
const FREE_UNUSED = 3
const MAX_PAUSE_MS = 1_000
/** After this many, the pool gives up if tasks wait. */
const MAX_UNUSED = 10

/** The failures of one pool. */
export class StartFailures {
  readonly #onResume: () => void
  #failed = 0
  #unused = 0
  #pause: NodeJS.Timeout | undefined

  constructor(onResume: () => void) {
    this.#onResume = onResume
  }

  /** Whether no worker is to be started now. */
  get isPaused(): boolean {
    return this.#pause !== undefined
  }

  /** A worker is ready. */
  ready(): void {
    this.#failed = 0
  }

  /** A worker did a chunk. */
  worked(): void {
    this.#unused = 0
  }

  /** A worker ended before it was ready. Returns whether the pool has to give up. */
  failed(error: Error, { hasOthers }: { hasOthers: boolean }): boolean {
    // A closed server or a wrong option stays as it is.
    if (error instanceof UsageError) return true
    // If the machine cannot start one more process, the pool goes on as long as other workers can do its work.
    if (!(error instanceof ResourceError && hasOthers)) return ++this.#failed >= MAX_FAILED_STARTS
    this.#pauseFor(RETRY_MS)
    return false
  }

  /** A worker was ready, and died before it did a chunk. Returns whether the pool has to give up. */
  unused({ isWanted }: { isWanted: boolean }): boolean {
    const beyond = ++this.#unused - FREE_UNUSED
    if (beyond > 0) this.#pauseFor(Math.min(MAX_PAUSE_MS, RETRY_MS * 2 ** Math.min(beyond - 1, 10)))
    return isWanted && this.#unused >= MAX_UNUSED
  }

  #pauseFor(milliseconds: number): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined
      this.#onResume()
    }, milliseconds)
  }
}
