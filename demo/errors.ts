// Runs in: owner. Errors that end the demo early and are shown as one sentence.

/** The demo cannot do what was asked. The message is all that the user needs. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
}

/** Ctrl-C or SIGTERM ended the demo. */
export class Stopped extends DemoError {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`Stopped by ${signal}.`)
    this.signal = signal
  }
}
