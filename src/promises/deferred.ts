// Runs in: owner. A promise and what settles it. Pure.

/** A promise and what settles it. */
export interface Deferred<T> {
  promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * A promise that nobody has to await: whoever does hears its rejection. Whoever only joins a process, say, has chosen
 * not to await its
 * result, and must not be ended by it as by an unhandled rejection.
 */
export function defer<T>(): Deferred<T> {
  const deferred = {} as Deferred<T>
  deferred.promise = new Promise<T>((resolve, reject) => Object.assign(deferred, { resolve, reject }))
  deferred.promise.catch(() => {})
  return deferred
}
