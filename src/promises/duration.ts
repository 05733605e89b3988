// Runs in: owner. Durations in messages. Pure.

/** Formats a duration, as `1999 ms`. It is rounded, because a computed number may have a dozen decimals. */
export function inMilliseconds(milliseconds: number): string {
  return `${milliseconds < 10 ? Number(milliseconds.toPrecision(2)) : Math.round(milliseconds)} ms`
}
