// Runs in: owner. A promise together with the functions that settle it. Pure.

/** A promise together with the functions that settle it. */
export interface Deferred<T> {
  promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * A promise that nobody has to await. Its rejection is seen only if it is awaited. For example, a program that only
 * joins a process does not await its result, and must not end by an unhandled rejection.
 */
export function defer<T>(): Deferred<T> {
  const deferred = {} as Deferred<T>
  deferred.promise = new Promise<T>((resolve, reject) => Object.assign(deferred, { resolve, reject }))
  deferred.promise.catch(() => {})
  return deferred
}

/** A promise that is rejected and that nobody has to await. */
export function rejected(error: Error): Promise<never> {
  const promise = Promise.reject(error)
  promise.catch(() => {})
  return promise
}
