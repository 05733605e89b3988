// Runs in: owner. Tasks with a time limit that wait while no worker of their Pool is ready. Their time counts then,
// because nothing else would end their wait if no worker starts. While other tasks run, it does not count.

import { clearInterval, performance, setInterval } from '../../platform/timers.js'
import type { Chunk } from './chunk.js'
import type { ChunkQueue } from './chunk-queue.js'
import { LEAST_WAIT_MS, lateWorker } from './worker-errors.js'

/** How often it checks, in milliseconds. The limits are exact to this. */
const LOOK_MS = 25

/** The waits of one pool. */
export class StartWaits {
  readonly #queue: ChunkQueue
  readonly #hasReady: () => boolean
  #timer: NodeJS.Timeout | undefined
  /** Since when no worker is ready: performance.now(). */
  #since = 0

  /** @param hasReady whether any worker takes tasks now */
  constructor(queue: ChunkQueue, hasReady: () => boolean) {
    this.#queue = queue
    this.#hasReady = hasReady
  }

  /** A chunk waits. */
  watch({ call: { timeout } }: Chunk): void {
    if (timeout === undefined || this.#timer) return
    this.#since = performance.now()
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  #look(): void {
    const now = performance.now()
    if (this.#queue.length === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    } else if (this.#hasReady()) {
      this.#since = now
    } else {
      const isLate = ({ call: { timeout }, since }: Chunk): boolean =>
        timeout !== undefined && now - Math.max(since, this.#since) > Math.max(timeout, LEAST_WAIT_MS)
      for (const chunk of this.#queue.remove(isLate)) chunk.fail(lateWorker(chunk))
    }
  }
}
