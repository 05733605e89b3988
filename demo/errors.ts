// Runs in: owner. What ends the demo early, and is told in one sentence.

/** The demo cannot do what was asked; its message is all that the user needs. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
}

/** Ctrl-C, or a SIGTERM. */
export class Stopped extends DemoError {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`Stopped by ${signal}.`)
    this.signal = signal
  }
}
