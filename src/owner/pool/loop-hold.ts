// Runs in: owner. Whether a Pool keeps its owner's event loop running: while it has something to do, and a moment
// longer. Without that moment, a pool that gets one task after the other would tell all of its workers each time.
import { setTimeout } from '../../platform/timers.js'

/** A pool lets the event loop end after it has had nothing to do for this long, in milliseconds. */
const MOMENT_MS = 20

/** Holds the event loop for one pool. */
export class LoopHold {
  readonly #apply: (on: boolean) => void
  #holds = true
  #isBusy = false
  #timer: NodeJS.Timeout | undefined

  /** @param apply holds the event loop if true, or lets it end if false */
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
