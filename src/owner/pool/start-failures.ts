// Runs in: owner. What a Pool makes of workers that do not come up: it asks again later, or gives up.

import { ResourceError } from '../../errors.js'
import { setTimeout } from '../../platform/timers.js'

/** So many workers in a row that end before they are ready, and the pool gives up. */
export const MAX_STILLBORN = 3
/** Where the machine has no room for one more worker, and others work, the pool asks again so much later, in milliseconds. */
const PAUSE_MS = 100

/** The luck of one pool. */
export class Hiring {
  readonly #onResume: () => void
  #stillborn = 0
  #pause: NodeJS.Timeout | undefined

  constructor(onResume: () => void) {
    this.#onResume = onResume
  }

  /** Whether nobody is to be asked for now. */
  get isPaused(): boolean {
    return this.#pause !== undefined
  }

  /** A worker came up. */
  succeeded(): void {
    this.#stillborn = 0
  }

  /** One did not. Returns whether that was the last try. */
  failed(error: Error, { hasOthers }: { hasOthers: boolean }): boolean {
    // That the machine has no room is no fault of the pool's as long as the other workers can do its work.
    if (!(error instanceof ResourceError && hasOthers)) return ++this.#stillborn >= MAX_STILLBORN
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined
      this.#onResume()
    }, PAUSE_MS)
    return false
  }
}
