// Runs in: owner. What becomes of the chunks of a worker that has ended: which are run again, and which fail. Pure.
import { ChildError } from '../../errors.js'
import type { Remains } from './assignments.js'
import type { Chunk } from './chunk.js'
import type { WorkerEnd } from './worker-end.js'
import { neverBegun } from './worker-errors.js'

/**
 * If this many workers end before they begin a chunk, its tasks fail. Otherwise one worker after
 * the other would get it for ever.
 */
const MAX_LOSSES = 10

/**
 * Fails the chunks that are not to be run again.
 *
 * @returns the others, in the order in which they are to be run
 */
export function chunksToRunAgain({ begun, unbegun, errorOf }: Remains & Pick<WorkerEnd, 'errorOf'>): Chunk[] {
  const again: Chunk[] = []
  if (begun.length + unbegun.length === 0) return again
  const error = errorOf()
  for (const chunk of [...begun, ...unbegun]) {
    if (chunk.call.isOver && chunk.state === 'begun') chunk.fail(error)
    else if (chunk.call.isOver) chunk.forget()
    else if (chunk.state === 'begun') again.push(...retriesOf(chunk, error))
    else if (chunk.losses < MAX_LOSSES) again.push(chunk)
    else chunk.fail(neverBegun(chunk, error))
  }
  return again
}

/** The tasks of a chunk that is retried are run one by one: only one of them made the worker die. */
function retriesOf(chunk: Chunk, error: Error): Chunk[] {
  const died = error instanceof ChildError && error.code === 'ERR_CHILD_DIED'
  if (!died || !chunk.retry()) {
    chunk.fail(error)
    return []
  }
  const parts: Chunk[] = []
  while (chunk.size > 1) parts.push(chunk.splitBefore(chunk.first + 1))
  return [...parts, chunk]
}
