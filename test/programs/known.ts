// Runs in: the test runner. Programs in which a forked child is told from plain node, each with its cause. A test asserts that they
// still differ, so that a fix is noticed.

/** One cause, and the programs that show it. */
export interface Known {
  readonly cause: string
  /** Names of cases: test/support/programs.ts. */
  readonly programs: readonly string[]
  /** Whether it holds on this Node; absent: on all. */
  readonly isHere?: () => boolean
}

export const KNOWN: readonly Known[] = []
