// Runs in: owner. Ends a process before its job does: by its timeout, which counts from start(), or by its signal.

import { ChildError } from '../../errors.js'
import { clearTimeout, setTimeout } from '../../platform/timers.js'
import { abortError } from '../../promises/abort.js'
import { onAbort } from '../../promises/abort-listeners.js'
import { inMilliseconds } from '../../promises/duration.js'
import type { Launched } from '../launch/launcher.js'

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
    const timer =
      timeout === undefined ? undefined : setTimeout(() => this.#cut(timeoutError(timeout, pidOf())), timeout)
    const forget = signal && onAbort(signal, () => this.#cut(abortError(signal)))
    this.#cleanUp = () => {
      clearTimeout(timer)
      forget?.()
    }
    if (signal?.aborted) this.#cut(abortError(signal))
  }

  /** Aborted when the process has to end. The promises of the process reject with its reason. */
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

  /**
   * Resolves with the launched process, or rejects with the reason of the cutoff. A process that
   * is born later is killed.
   */
  async launched(launching: Promise<Launched>): Promise<Launched> {
    const { signal } = this
    return new Promise<Launched>((resolve, reject) => {
      const giveUp = (): void => {
        reject(signal.reason)
        launching.then(
          (late) => late.kill('SIGKILL'),
          () => {},
        )
      }
      signal.addEventListener('abort', giveUp, { once: true })
      if (signal.aborted) giveUp()
      launching.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
    })
  }
}

function timeoutError(timeout: number, pid: number | undefined): ChildError {
  const limit = inMilliseconds(timeout)
  const text =
    pid === undefined
      ? `A process did not start within its timeout of ${limit}. Its template may be starting, busy or stopped.`
      : `Process ${pid} was killed after its timeout of ${limit}. Give it more time, or less to do.`
  return new ChildError('ERR_TIMEOUT', text, { pid, signal: pid === undefined ? null : 'SIGKILL' })
}
