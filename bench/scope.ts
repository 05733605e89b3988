// Runs in: owner. Whatever a benchmark starts is ended, however the benchmark ends, and nothing is waited for without a limit.

/** Ends what was put into it, last first. (Node 20 has no AsyncDisposableStack.) */
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

/** Gives up on work that takes longer than it ever should. What it left running, the scope ends. */
export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not finish within ${limitMs / 1000} s.`)), limitMs)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
