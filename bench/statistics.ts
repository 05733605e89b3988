// Runs in: owner. Medians, percentiles and spreads. Pure.

/** A median, and how far the values are apart. */
export interface Spread {
  median: number
  lowest: number
  highest: number
}

/** A mean and a standard deviation, as pyperf computes it: of a sample. */
export interface Deviation {
  mean: number
  deviation: number
}

/** The latencies of one thing, in milliseconds. */
export interface Latency {
  samples: number
  /** Results that were saved before these three were measured do not have them. */
  lowestMs?: number
  firstQuartileMs?: number
  thirdQuartileMs?: number
  medianMs: number
  p99Ms: number
  highestMs: number
}

/** The value below which a part (0 to 1) of the values is, interpolated between its two neighbours. */
export function quantile(values: readonly number[], part: number): number {
  if (values.length === 0) throw new RangeError('There is no quantile of nothing.')
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * part
  const low = sorted[Math.floor(at)]!
  return low + (sorted[Math.ceil(at)]! - low) * (at % 1)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) }
}

/** The deviation of a single value is 0. */
export function deviationOf(values: readonly number[]): Deviation {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: Math.sqrt(squares / Math.max(1, values.length - 1)) }
}

export function latencyOf(values: readonly number[]): Latency {
  return {
    samples: values.length,
    lowestMs: quantile(values, 0),
    firstQuartileMs: quantile(values, 0.25),
    medianMs: median(values),
    thirdQuartileMs: quantile(values, 0.75),
    p99Ms: quantile(values, 0.99),
    highestMs: quantile(values, 1),
  }
}
