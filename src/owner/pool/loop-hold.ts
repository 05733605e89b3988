// Runs in: owner. Whether a Pool keeps its owner's event loop running: while it has something to do, and a moment
// longer.
// So a pool that is given one task after the other does not tell all of its workers each time.
import { setTimeout } from '../../platform/timers.js'

/** A pool lets go when it had nothing to do for so long, in milliseconds. */
const MOMENT_MS = 20

/** One pool's hold. */
export class LoopHold {
  readonly #apply: (on: boolean) => void
  #holds = true
  #isBusy = false
  #timer: NodeJS.Timeout | undefined

  /** @param apply holds the loop, or lets it go */
  constructor(apply: (on: boolean) => void) {
    this.#apply = apply
  }

  /** There is something to do. */
  busy(): void {
    this.#isBusy = true
    if (this.#holds) return
    this.#holds = true
    this.#apply(true)
  }

  /** There is nothing to do. */
  idle(): void {
    this.#isBusy = false
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#isBusy) return
      this.#holds = false
      this.#apply(false)
    }, MOMENT_MS).unref()
  }
}
