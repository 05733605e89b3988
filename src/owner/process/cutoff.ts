// Runs in: owner. What ends a process before its job does: its timeout, which counts from start(), and its signal.

import { ChildError } from '../../errors.js'
import { clearTimeout, setTimeout } from '../../platform/timers.js'
import { abortError } from '../../promises/abort.js'

export interface CutoffOptions {
  /** In milliseconds. */
  timeout: number | undefined
  signal: AbortSignal | undefined
}

/** Ends one process at most once. */
export class Cutoff {
  readonly #abort = new AbortController()
  #cleanUp = (): void => {}

  /** @param pidOf the pid of the process, once it exists: for the message */
  constructor({ timeout, signal }: CutoffOptions, pidOf: () => number | undefined) {
    const onAbort = (): void => this.#cut(abortError(signal!))
    const timer =
      timeout === undefined ? undefined : setTimeout(() => this.#cut(timeoutError(timeout, pidOf())), timeout)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#cleanUp = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    if (signal?.aborted) onAbort()
  }

  /** Aborted when the process is to end. Its reason is the error that the process's promises reject with. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  #cut(error: Error): void {
    this.stop()
    this.#abort.abort(error)
  }

  /** The process has ended, or was never started. */
  stop(): void {
    this.#cleanUp()
  }

  /** What the promise settles with, or the reason why it is not waited for any longer. */
  async race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this
    return new Promise<T>((resolve, reject) => {
      const giveUp = (): void => reject(signal.reason)
      signal.addEventListener('abort', giveUp, { once: true })
      if (signal.aborted) giveUp()
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
    })
  }
}

function timeoutError(timeout: number, pid: number | undefined): ChildError {
  const ms = Math.round(timeout)
  const text =
    pid === undefined
      ? `A process did not start within its timeout of ${ms} ms. Its template may be starting, busy or stopped; give it more time.`
      : `Process ${pid} was killed after its timeout of ${ms} ms. Give it more time, or less to do.`
  return new ChildError('ERR_TIMEOUT', text, { pid, signal: pid === undefined ? null : 'SIGKILL' })
}
