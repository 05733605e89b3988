// Runs in: child. The jobs of the benchmarks: as close to nothing as each question allows.
import { writeSync } from 'node:fs'

/** Returns at once. */
export function nothing(): void {}

/** The first thing that a user's function can do: look at the clock. CLOCK_MONOTONIC, which all processes of a machine share. */
export function now(): bigint {
  return process.hrtime.bigint()
}

/** Says on stdout that it runs, and never ends. */
export function idle(): Promise<never> {
  // By descriptor: first use of process.stdout would cost memory that an idle child does not need.
  writeSync(1, '.')
  // The promise alone would not keep the process: an empty loop ends it.
  setInterval(() => {}, 2 ** 30)
  return new Promise(() => {})
}

/** What a pool costs, without the work. */
export function identity<T>(value: T): T {
  return value
}

/** Takes much and gives back little. */
export function sizeOf(bytes: Uint8Array): number {
  return bytes.length
}
