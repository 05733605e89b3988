// Runs in: owner and child. Waits for several connections and listeners at once, like
// multiprocessing.connection.wait().

import { UsageError } from '../errors.js'
import { MAX_MILLISECONDS } from '../options/option-checks.js'
import { clearTimeout, setImmediate, setTimeout } from '../platform/timers.js'
import { abortError } from '../promises/abort.js'

/** How an object takes part in wait(). @internal */
export interface Readiness {
  readonly isReady: boolean
  /** Calls back once, when isReady may have become true. Returns a function that cancels that. */
  onReady(callback: () => void): () => void
}

/** The method with which a connection or a listener takes part in wait(). @internal */
export const WAITABLE = Symbol('forkserver.waitable')

/** A connection (ready if it can receive) or a listener (ready if a client waits). */
export interface Waitable {
  /** @internal */
  [WAITABLE](): Readiness
}

/** The options of wait(). */
export interface WaitOptions {
  /** Time limit in milliseconds: 0 does not wait, Infinity (the default) waits without a limit. */
  timeout?: number
  /** Aborting it cancels the call. */
  signal?: AbortSignal
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Waits until at least one is ready: a recv() or an accept() on it would settle at once.
 *
 * @param objects connections and listeners. With an empty list, wait() resolves after the timeout
 * @param options `timeout` in milliseconds (0 does not wait; default: no limit); `signal` cancels the call
 * @returns all that are ready, in the order of the list; an empty list after the timeout
 * @throws UsageError ERR_INVALID_ARGUMENT; ERR_INVALID_STATE if one was closed before the call; AbortError
 * @example
 * for (const connection of await wait(connections, { timeout: 1_000 })) console.log(await connection.recv())
 */
export async function wait<T extends Waitable>(objects: readonly T[], options: WaitOptions = {}): Promise<T[]> {
  const { timeout = Number.POSITIVE_INFINITY, signal } = options
  if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
    throw new UsageError(
      'ERR_INVALID_ARGUMENT',
      `The timeout must be a number of milliseconds, not ${String(timeout)}.`,
    )
  }
  const watched = objects.map((object) => {
    if (typeof object?.[WAITABLE] === 'function') return { object, readiness: object[WAITABLE]() }
    throw new UsageError('ERR_INVALID_ARGUMENT', 'wait() takes a list of connections and listeners, and nothing else.')
  })
  if (signal?.aborted) throw abortError(signal)
  const ready = (): T[] => watched.filter(({ readiness }) => readiness.isReady).map(({ object }) => object)
  if (watched.length > 0 && watched.every(({ readiness }) => readiness.isReady)) return [...objects]
  // Even if one is ready already, the others are checked, too.
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
      // Bytes that wait in the kernel show after one turn of the event loop. A second turn is needed because the first
      // may be over already.
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
