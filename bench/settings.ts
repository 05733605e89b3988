// Runs in: owner. How much the benchmarks measure. The command line can change each figure. Pure.

/** Each figure is an option of `npm run bench`. */
export interface Settings {
  /** The number of rounds in which the competitors of a race take turns. */
  rounds: number
  /** How long a competitor runs in each round, in milliseconds. */
  sliceMs: number
  /** The number of latencies measured for each figure. */
  samples: number
  /** The number of forks after which the growth of a template is judged. */
  forks: number
  /** How often each line of a table is measured. */
  iterations: number
  /** The largest number of children that live at a time. */
  live: number
  /** The most megabytes of objects that a template holds. */
  objects: number
  /** How many test files a test runner runs. */
  files: number
}

export const FULL: Settings = {
  rounds: 5,
  sliceMs: 2_000,
  samples: 1_000,
  forks: 10_000,
  iterations: 13,
  live: 1_000,
  objects: 1_000,
  files: 60,
}
export const QUICK: Settings = {
  rounds: 3,
  sliceMs: 300,
  samples: 60,
  forks: 500,
  iterations: 3,
  live: 100,
  objects: 100,
  files: 6,
}
