// Runs in: forked child; and once in the template, as a rehearsal. What a child does before it leaves, on each way out:
// every step once, in this order. Pure: the steps are parameters.

/** The steps of a child's exit. */
export interface ExitHooks {
  /** Sends an uncaught error that ends the process to the owner. */
  onFatal(error: unknown): void
  /**
   * Runs when Node would run its at-exit callbacks: after the 'exit' listeners, or before the
   * process sends itself a signal.
   */
  atExit(): void
  /** Writes the output that stdout and stderr still hold. Nothing is written after it. */
  flush(): void
  /** Tells the owner the exit code. */
  onLeaving(exitCode: number): void
}

/**
 * The steps of one exit. A step may throw, because a program may have replaced what the step uses. The process
 * leaves all the same, and the owner sees its exit.
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

  /** Runs all steps that are left. */
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
