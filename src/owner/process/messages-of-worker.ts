// Runs in: owner. The messages that a worker for one task sends on its job channel, on their way to its Pool. They are
// kept until the pool listens. Pure.
import type { Buffer } from 'node:buffer'

/** The messages of one process. */
export class WorkerMessages {
  #kept: Buffer[] = []
  #listener: ((message: Buffer) => void) | undefined

  /** Calls back with each message: at once with those that have come. */
  listen(listener: (message: Buffer) => void): void {
    this.#listener = listener
    for (const message of this.#kept.splice(0)) listener(message)
  }

  /** A message has come. */
  take(message: Buffer): void {
    if (this.#listener) this.#listener(message)
    else this.#kept.push(message)
  }
}
