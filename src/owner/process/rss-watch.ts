// Runs in: owner. Ends a process that uses more memory than its limit, Buffers and native memory included.
//
// The kernel has no such limit for a process: RLIMIT_AS and RLIMIT_DATA count reserved memory, and
// V8 alone reserves 0.5 GB or more.

import { ChildError, UsageError } from '../../errors.js'
import { clearInterval, setInterval } from '../../platform/timers.js'
import type { Launched } from '../launch/launcher.js'

/** How often the memory is checked, in milliseconds. A process can fill about 20 MB between two checks. */
const STEP_MS = 20

/** Watches the memory of one process. */
export class RssWatch {
  readonly #timer: NodeJS.Timeout

  /**
   * It goes on until stop(), also while the process has ended: another one may follow (second-try.ts).
   *
   * @param limit in bytes
   * @param onExceeded called at most once, with the error that says why the process has to end
   */
  constructor(launched: Pick<Launched, 'pid' | 'rssBytes'>, limit: number, onExceeded: (error: Error) => void) {
    this.#timer = setInterval(() => {
      const rss = launched.rssBytes()
      if (rss !== undefined && rss <= limit) return
      this.stop()
      onExceeded(rss === undefined ? unknown() : exceeded(launched.pid, rss, limit))
    }, STEP_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

function exceeded(pid: number, rss: number, limit: number): ChildError {
  const text = `Process ${pid} was killed: it used ${rss} bytes of memory, and limits.rss is ${limit}.`
  return new ChildError('ERR_CHILD_DIED', `${text} Raise it, or keep less.`, { pid, signal: 'SIGKILL' })
}

function unknown(): UsageError {
  const text = 'The memory of this process cannot be seen in /proc, so limits.rss has no effect. Leave it out.'
  return new UsageError('ERR_UNSUPPORTED', text)
}
