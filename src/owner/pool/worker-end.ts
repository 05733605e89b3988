// Runs in: owner. How the life of a worker of a Pool ends. Types only.
import type { Exit } from '../launch/exit.js'
import type { Remains } from './assignments.js'

/** How a worker's life ends, and what it leaves. */
export interface WorkerEnd extends Remains {
  /** The error that its task fails with. */
  errorOf(): Error
  /** How its process ended, if that is known. */
  exit: Exit | undefined
  /** Whether it ended before it was ready. */
  neverReady: boolean
  /** Whether it died by itself before it answered or began a chunk. */
  isUnused: boolean
}
