// Runs in: owner. What a Pool does if workers do not come up, or end without work: it starts the next one later, or
// gives up.

import { ResourceError, UsageError } from '../../errors.js'
import { setTimeout } from '../../platform/timers.js'

/** If so many workers in a row end before they are ready, the pool gives up. */
export const MAX_FAILED_STARTS = 3
/**
 * If the machine has no room for one more worker, and others work, the pool tries again after this, in milliseconds.
 */
const RETRY_MS = 100
/** So many workers in a row may be ready and end without work before the pool starts the next one later. */
const FREE_UNUSED = 3
const MAX_PAUSE_MS = 1_000
/** After so many, the pool gives up if tasks wait. */
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

  /** A worker came up. */
  ready(): void {
    this.#failed = 0
  }

  /** A worker did a chunk. */
  worked(): void {
    this.#unused = 0
  }

  /** A worker did not come up. Returns whether the pool is to give up. */
  failed(error: Error, { hasOthers }: { hasOthers: boolean }): boolean {
    // A server that is closed or an option that is wrong does not mend itself.
    if (error instanceof UsageError) return true
    // That the machine has no room is no fault of the pool's as long as the other workers can do its work.
    if (!(error instanceof ResourceError && hasOthers)) return ++this.#failed >= MAX_FAILED_STARTS
    this.#pauseFor(RETRY_MS)
    return false
  }

  /** A worker came up, and died before it did a chunk. Returns whether the pool is to give up. */
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
