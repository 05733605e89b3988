// Runs in: owner. What a Pool hands out: a chunk of tasks of one call. Pure.
import { encodeValue } from '../clone.js'
import type { Reference } from '../remote.js'

/** What became of a task. */
export type TaskOutcome = { value: unknown } | { error: unknown }

/** One call of the user: run(), map() or an iteration. What belongs together when it is given up. */
export interface Call {
  readonly reference: Reference
  /** Whether each item is a list of arguments. */
  readonly spread: boolean
  /** Milliseconds for each task, where there is a limit. */
  readonly timeout: number | undefined
  readonly priority: number
  /** How often a task is run again whose worker died. */
  readonly retries: number
  /** Nobody waits for its tasks any more: those that have not begun are not run. */
  isOver: boolean
}

/** Tasks that travel together. */
export interface Chunk {
  readonly call: Call
  /** The structured clone of all items of the chunk as it was made; `first` to `end` of them are to be run. */
  readonly items: Buffer
  readonly first: number
  readonly end: number
  readonly retries: number
  /** Takes what became of an item; each is settled once. */
  readonly settle: (item: number, outcome: TaskOutcome) => void
  /** How long the tasks ran, for whoever sizes chunks. */
  readonly measured: ((milliseconds: number) => void) | undefined
}

/** A part of a chunk, to be run by itself. */
export function partOf(chunk: Chunk, first: number, end: number, retries = chunk.retries): Chunk {
  return { ...chunk, first, end, retries, measured: undefined }
}

/**
 * Makes chunks of items: one, or where some items cannot be cloned, more. Those that cannot are settled at once, with their
 * UsageError ERR_CANNOT_CLONE.
 */
export function chunksOf(
  call: Call,
  items: readonly unknown[],
  settle: Chunk['settle'],
  measured?: Chunk['measured'],
): Chunk[] {
  const rest = { call, settle, measured, retries: call.retries }
  try {
    return [{ ...rest, items: encodeValue(items, 'items'), first: 0, end: items.length }]
  } catch {
    // Which one is it? Those beside it are not to blame.
  }
  return items.flatMap((item, index): Chunk[] => {
    try {
      const alone: unknown[] = []
      alone[index] = item // a hole for each of the others, so that the item keeps its number
      return [{ ...rest, measured: undefined, items: encodeValue(alone, 'items'), first: index, end: index + 1 }]
    } catch (error) {
      settle(index, { error })
      return []
    }
  })
}
