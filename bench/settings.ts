// Runs in: owner. How much the benchmarks measure: the command line may change each figure. Pure.

/** Each figure is an option of `npm run bench`. */
export interface Settings {
  /** Rounds in which the contenders of a race take turns. */
  rounds: number
  /** How long a contender races in each round, in milliseconds. */
  sliceMs: number
  /** Latencies measured for each figure. */
  samples: number
  /** Children that a template forks before its growth is judged. */
  forks: number
  /** The most children that live at a time. */
  live: number
}

export const FULL: Settings = { rounds: 5, sliceMs: 2_000, samples: 1_000, forks: 10_000, live: 1_000 }
export const QUICK: Settings = { rounds: 3, sliceMs: 300, samples: 60, forks: 500, live: 100 }
