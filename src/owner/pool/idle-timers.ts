// Runs in: owner. How long each worker of a Pool has had nothing to do, and when an idle worker is to leave.

import { clearTimeout, setTimeout } from '../../platform/timers.js'
/** A timer for each idle worker. */
export class IdleTimers<W> {
  readonly #timers = new Map<W, NodeJS.Timeout>()
  readonly #timeout: number | undefined
  readonly #onIdle: (worker: W) => void

  /** @param timeout in milliseconds; undefined if idle workers stay */
  constructor(timeout: number | undefined, onIdle: (worker: W) => void) {
    this.#timeout = timeout
    this.#onIdle = onIdle
  }

  /** The worker has nothing to do. A timer that runs already goes on. */
  start(worker: W): void {
    if (this.#timeout === undefined || this.#timers.has(worker)) return
    const timer = setTimeout(() => {
      this.#timers.delete(worker)
      this.#onIdle(worker)
    }, this.#timeout).unref()
    this.#timers.set(worker, timer)
  }

  /** The worker has something to do, or is gone. */
  stop(worker: W): void {
    clearTimeout(this.#timers.get(worker))
    this.#timers.delete(worker)
  }
}
