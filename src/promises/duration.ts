// Runs in: owner. Durations in messages. Pure.

/** `1999 ms`: a duration as a person reads it. What a program computed may have a dozen decimals. */
export function inMilliseconds(milliseconds: number): string {
  return `${milliseconds < 10 ? Number(milliseconds.toPrecision(2)) : Math.round(milliseconds)} ms`
}
