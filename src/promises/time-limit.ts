// Runs in: owner. Waiting with a limit in time. Pure.

import { clearTimeout, setTimeout } from '../platform/timers.js'
/**
 * The value of the promise, or undefined if it rejects or does not settle within `ms` milliseconds. The event
 * loop is kept alive meanwhile.
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
