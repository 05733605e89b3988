// Runs in: child. The jobs of the benchmarks. They do as little as possible.
import { writeSync } from 'node:fs'

/** Returns at once. */
export function nothing(): void {}

/** Reads the clock: the first line of a user's function. It is CLOCK_MONOTONIC, which is the same for all processes. */
export function now(): bigint {
  return process.hrtime.bigint()
}

/** Reports on stdout that it runs, and never ends. */
export function idle(): Promise<never> {
  // Writes to the descriptor, because the first use of process.stdout takes memory that an idle child does not need.
  writeSync(1, '.')
  // A promise does not keep the process alive: an empty event loop ends it.
  setInterval(() => {}, 2 ** 30)
  return new Promise(() => {})
}

/** Returns its argument, to measure the pool without any work. */
export function identity<T>(value: T): T {
  return value
}

/** Takes a large argument and returns a small result. */
export function sizeOf(bytes: Uint8Array): number {
  return bytes.length
}
