// Runs in: owner and child. Waiting for several connections and listeners at once: multiprocessing.connection.wait().

import { UsageError } from '../errors.js'
import { MAX_MILLISECONDS } from '../options/option-checks.js'
import { abortError } from '../promises/abort.js'

/** What can be waited for, from the inside. @internal */
export interface Readiness {
  readonly isReady: boolean
  /** Calls back once, when isReady may have become true. Returns what takes that back. */
  onReady(callback: () => void): () => void
}

/** The method by which a connection or a listener shows what is ready. @internal */
export const WAITABLE = Symbol('forkserver.waitable')

/** A connection (something to receive) or a listener (somebody to accept). */
export interface Waitable {
  /** @internal */
  [WAITABLE](): Readiness
}

/** How long to wait. */
export interface WaitOptions {
  /** Milliseconds: 0 looks and returns, Infinity (the default) waits. */
  timeout?: number
  /** Gives it up. */
  signal?: AbortSignal
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Waits until at least one is ready: a recv() or an accept() on it would settle at once.
 *
 * @param objects connections and listeners; with none, the timeout is waited for
 * @returns all that are ready, in their order; none after the timeout
 * @throws UsageError ERR_INVALID_ARGUMENT; ERR_INVALID_STATE where one is closed before the call; AbortError
 * @example
 * for (const connection of await wait(connections, { timeout: 1_000 })) console.log(await connection.recv())
 */
export async function wait<T extends Waitable>(objects: readonly T[], options: WaitOptions = {}): Promise<T[]> {
  const { timeout = Number.POSITIVE_INFINITY, signal } = options
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
    throw new UsageError('ERR_INVALID_ARGUMENT', `A timeout is a number of milliseconds, not ${String(timeout)}.`)
  }
  const watched = objects.map((object) => {
    if (typeof object?.[WAITABLE] === 'function') return { object, readiness: object[WAITABLE]() }
    throw new UsageError('ERR_INVALID_ARGUMENT', 'wait() waits for connections and listeners.')
  })
  if (signal?.aborted) throw abortError(signal)
  const ready = (): T[] => watched.filter(({ readiness }) => readiness.isReady).map(({ object }) => object)
  if (watched.length > 0 && watched.every(({ readiness }) => readiness.isReady)) return [...objects]
  // One that is ready already does not hide the others: they are looked at, too.
  const limit = ready().length > 0 ? 0 : timeout
  const ends: (() => void)[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      const isOver = limit > 0 ? resolve : (): void => {}
      for (const { readiness } of watched) if (!readiness.isReady) ends.push(readiness.onReady(isOver))
      if (signal) {
        const abort = (): void => reject(abortError(signal))
        signal.addEventListener('abort', abort, { once: true })
        ends.push(() => signal.removeEventListener('abort', abort))
      }
      // What lies in the kernel is seen after one turn of the loop; a second one, as the first may be over already.
      if (limit <= 0) void nextTurn().then(nextTurn).then(resolve)
      else if (limit <= MAX_MILLISECONDS) {
        const timer = setTimeout(resolve, limit)
        ends.push(() => clearTimeout(timer))
      }
    })
  } finally {
    for (const end of ends) end()
  }
  return ready()
}
