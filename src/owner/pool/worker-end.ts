// Runs in: owner. How the life of a worker of a Pool ends. Types only.
import type { Exit } from '../launch/exit.js'
import type { Remains } from './assignments.js'
import type { Chunk } from './chunk.js'

/** How a worker's life ends, and what it leaves. */
export interface WorkerEnd extends Remains {
  /** The error that a chunk fails with which it had begun. Without one: why it ended. */
  errorOf(chunk?: Chunk): Error
  /** How its process ended, if that is known. */
  exit: Exit | undefined
  /** Whether it ended before it was ready. */
  neverReady: boolean
  /** Whether it died by itself before it answered or began a chunk. */
  isUnused: boolean
}
