// Runs in: a tool process and the test runner. Why tests of Node's fail in a forked child: written by hand, after each was looked at.

/** One cause, and by what its tests are known. */
export interface Cause {
  readonly cause: string
  /** Names of tests, without folder and ending. */
  readonly tests: readonly string[]
}

export const CAUSES: readonly Cause[] = []

/** The cause of a test's failure, or that nobody has found it yet. */
export function causeOf(name: string): string {
  const test = name.replace(/^.*\//, '').replace(/\.\w+$/, '')
  return CAUSES.find(({ tests }) => tests.includes(test))?.cause ?? 'Not looked into yet.'
}
