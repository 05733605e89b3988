// Runs in: owner. What becomes of the chunks of a worker that has ended: which are run again, and which fail. Pure.
import type { Remains } from './assignments.js'
import type { Chunk } from './chunk.js'
import type { WorkerEnd } from './worker-end.js'
import { isDeath, neverBegun } from './worker-errors.js'

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
  for (const chunk of [...begun, ...unbegun]) {
    if (chunk.call.isOver && chunk.state === 'begun') chunk.fail(errorOf(chunk))
    else if (chunk.call.isOver) chunk.forget()
    else if (chunk.state === 'begun') again.push(...retriesOf(chunk, errorOf(chunk)))
    else if (chunk.losses < MAX_LOSSES) again.push(chunk)
    else chunk.fail(neverBegun(chunk, errorOf()))
  }
  return again
}

/** The tasks of a chunk that is retried are run one by one: only one of them made the worker die. */
function retriesOf(chunk: Chunk, error: Error): Chunk[] {
  if (!isDeath(error) || !chunk.retry()) {
    chunk.fail(error)
    return []
  }
  const parts: Chunk[] = []
  while (chunk.size > 1) parts.push(chunk.splitBefore(chunk.first + 1))
  return [...parts, chunk]
}
