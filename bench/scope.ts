// Runs in: owner. Ends everything that a benchmark has started, however the benchmark ends. Every wait has a limit.

/** Ends what was added to it, the last first. (Node 20 has no AsyncDisposableStack.) */
export class Scope implements AsyncDisposable {
  readonly #ends: (() => unknown)[] = []

  use<T extends AsyncDisposable>(thing: T): T {
    this.#ends.push(() => thing[Symbol.asyncDispose]())
    return thing
  }

  defer(end: () => unknown): void {
    this.#ends.push(end)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = []
    for (let end: (() => unknown) | undefined; (end = this.#ends.pop()); ) {
      try {
        await end()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0)
      throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'Several things did not end.')
  }
}

/** Stops waiting for work that takes longer than it ever should. The scope ends what is still running. */
export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not finish within ${limitMs / 1000} s.`)), limitMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
