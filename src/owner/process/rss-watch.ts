// Runs in: owner. Ends a process that uses more memory than its limit, Buffers and native memory included.
//
// The kernel has no such limit for a process: RLIMIT_AS and RLIMIT_DATA count what is reserved, and V8 reserves 0.5
// GB or more on its own.

import { ChildError, UsageError } from '../../errors.js'
import { clearInterval, setInterval } from '../../platform/timers.js'
import type { Launched } from '../launch/launcher.js'

/** How long apart two looks are, in milliseconds. A process fills some 20 MB between two looks at the most. */
const STEP_MS = 20

/** Looks at the memory of one process. */
export class RssWatch {
  readonly #timer: NodeJS.Timeout

  /**
   * @param limit in bytes
   * @param onExceeded is called at most once, with the reason why the process has to end
   */
  constructor(launched: Pick<Launched, 'pid' | 'rssBytes'>, limit: number, onExceeded: (error: Error) => void) {
    let isKnown = false
    this.#timer = setInterval(() => {
      const rss = launched.rssBytes()
      if (rss === undefined && isKnown) return this.stop() // it has ended
      isKnown = true
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
  const text = `Process ${pid} was killed: it used ${rss} bytes of memory, and limits.rss is ${limit}. Raise it, or keep less.`
  return new ChildError('ERR_CHILD_DIED', text, { pid, signal: 'SIGKILL' })
}

function unknown(): UsageError {
  const text = 'The memory of this process cannot be seen in /proc, so limits.rss has no effect. Leave it out.'
  return new UsageError('ERR_UNSUPPORTED', text)
}
