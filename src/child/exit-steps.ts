// Runs in: forked child; and once in the template, as a rehearsal. What a child does before it leaves: each step once,
// in this order, whichever way out it takes. Pure: the steps are handed in.

/** What the exit of a child consists of. */
export interface ExitHooks {
  /** Sends an uncaught error that ends the process to the owner. */
  onFatal(error: unknown): void
  /**
   * Runs at the moment when Node runs its at-exit callbacks: after the 'exit' listeners, or before a signal to itself.
   */
  atExit(): void
  /** Writes what stdout and stderr still hold. Nothing is written after it. */
  flush(): void
  /** Tells the owner the exit code. */
  onLeaving(exitCode: number): void
}

/**
 * The steps of one exit. A program may have broken what a step uses: the process leaves all the same, and the owner
 * sees its exit.
 */
export class ExitSteps {
  readonly #hooks: ExitHooks
  #isAtExitDone = false
  #isLeavingTold = false

  constructor(hooks: ExitHooks) {
    this.#hooks = hooks
  }

  fatal(error: unknown): void {
    attempt(() => this.#hooks.onFatal(error))
  }

  atExit(): void {
    if (!this.#isAtExitDone) attempt(() => this.#hooks.atExit())
    this.#isAtExitDone = true
  }

  /** All steps that are left. */
  all(exitCode: number): void {
    this.atExit()
    if (!this.#isLeavingTold) attempt(() => this.#hooks.flush())
    this.tellLeaving(exitCode)
  }

  tellLeaving(exitCode: number): void {
    if (!this.#isLeavingTold) attempt(() => this.#hooks.onLeaving(exitCode))
    this.#isLeavingTold = true
  }
}

function attempt(step: () => void): void {
  try {
    step()
  } catch {}
}
