// Runs in: owner. How many spares a server keeps. Pure.

/** After so long without a start, a server that follows the load keeps no spare, in milliseconds. */
export const IDLE_MS = 5_000

/** The most spares that a server keeps if it follows the load. */
export const MOST = 4

/** How many spares are wanted: as many as the user says, or as the load needs. */
export class SpareDemand {
  readonly #fixed: number | undefined
  readonly #most: number
  /** The times of the last starts, at most one more than spares are wanted. */
  readonly #starts: number[] = []

  /**
   * @param fixed the number that the user says; undefined to follow the load
   * @param processors of this machine: more children than these do not run at a time
   */
  constructor(fixed: number | undefined, processors: number) {
    this.#fixed = fixed
    this.#most = Math.min(MOST, processors)
  }

  /** Whether the number falls when no process is started. */
  get followsLoad(): boolean {
    return this.#fixed === undefined
  }

  /** A process is started. `now` in milliseconds, of a clock that never goes back. */
  started(now: number): void {
    if (this.#starts.push(now) > this.#most + 1) this.#starts.shift()
  }

  /** The starts until now say nothing about the next ones. */
  forget(): void {
    this.#starts.length = 0
  }

  /** How many to keep. Following the load: one for each start of the last seconds but the first. */
  wanted(now: number): number {
    if (this.#fixed !== undefined) return this.#fixed
    return Math.max(0, this.#starts.filter((time) => now - time < IDLE_MS).length - 1)
  }
}
