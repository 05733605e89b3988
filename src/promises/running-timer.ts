// Runs in: owner. A timer that counts only the time in which this process runs. Pure.
//
// A plain timer fires at once when a laptop wakes up, or when a shell continues a stopped program.
// The other side has had no time to answer then. This timer counts steps, and any time in which
// this process was stopped counts as one step.
import { clearInterval, setImmediate, setInterval } from '../platform/timers.js'

/** How many steps one timer has. More steps measure a stopped process better, but wake a running one more often. */
const STEPS = 10

/** A timer that can be started anew. It does not keep the event loop alive. */
export class RunningTimer {
  readonly #onTimeout: () => void
  readonly #stepMs: number
  #interval: NodeJS.Timeout | undefined
  #stepsLeft = STEPS

  /**
   * @param ms how long this process must run before `onTimeout` is called, in milliseconds
   * @param onTimeout called once for each start()
   */
  constructor(ms: number, onTimeout: () => void) {
    this.#stepMs = ms / STEPS
    this.#onTimeout = onTimeout
  }

  get isRunning(): boolean {
    return this.#interval !== undefined
  }

  /** Starts it, or starts it anew with its full time. */
  start(): void {
    this.#stepsLeft = STEPS
    this.#interval ??= setInterval(() => this.#step(), this.#stepMs).unref()
  }

  stop(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }

  #step(): void {
    if (--this.#stepsLeft > 0) return
    // Node runs timers before it reads sockets. This lets it read first: a message may start() or stop() this timer.
    setImmediate(() => {
      if (!this.isRunning || this.#stepsLeft > 0) return
      this.stop()
      this.#onTimeout()
    })
  }
}
