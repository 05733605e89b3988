// Runs in: owner. Pure. Waiting with a bound.

/**
 * What the promise resolves with, or undefined where that does not come within `ms` milliseconds, or never. The event
 * loop is kept
 * alive for so long.
 */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
  }
}
