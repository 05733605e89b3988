// Runs in: owner. What a Pool hands out: a chunk of tasks of one call. Pure.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError } from '../../errors.js'
import { encodeValue } from '../../wire/values/clone.js'
import { Answer as DecodedAnswer } from '../../wire/worker/answer.js'
import { decodeList, encodePlain, isPlain } from '../../wire/worker/plain-list.js'
import type { Reference } from '../naming/remote.js'

const NO_BLOCKS: readonly Uint8Array[] = []

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
  /** Takes what a task says by emitProgress(). */
  readonly onProgress: ((value: unknown, item: number) => void) | undefined
  /** Takes what a task writes, where that is captured. */
  readonly onOutput: ((bytes: Buffer, stream: 'stdout' | 'stderr', item: number) => void) | undefined
  /** Nobody waits for its tasks any more: those that have not begun are not run. */
  isOver: boolean
}

/** Tasks that travel together. */
export interface Chunk {
  readonly call: Call
  /** The structured clone of all items of the chunk as it was made; `first` to `end` of them are to be run. */
  readonly items: Buffer
  /** Large buffers of the items: the caller's memory, until submit() returns. */
  readonly blocks: readonly Uint8Array[]
  readonly first: number
  readonly end: number
  /** The number of its item 0 in the call. */
  readonly base: number
  readonly retries: number
  /** When it was handed in: performance.now(). */
  readonly since: number
  /** Takes what became of an item; each is settled once. */
  readonly settle: (item: number, outcome: TaskOutcome) => void
  /** How long the tasks ran, for whoever sizes chunks. */
  readonly measured: ((milliseconds: number) => void) | undefined
}

/** A part of a chunk, to be run by itself. */
export function partOf(chunk: Chunk, first: number, end: number, retries = chunk.retries): Chunk {
  return { ...chunk, first, end, retries, measured: undefined }
}

/** How chunksOf() makes chunks. */
export interface ChunkOptions extends Pick<Chunk, 'settle'> {
  measured?: Chunk['measured']
  base?: number
  /** Whether large buffers travel beside the items. */
  sharesMemory?: boolean
}

/**
 * Makes chunks of items: one, or where some items cannot be cloned, more. Those that cannot are settled at once, with their
 * UsageError ERR_CANNOT_CLONE.
 */
export function chunksOf(
  call: Call,
  items: readonly unknown[],
  { settle, measured, base = 0, sharesMemory = false }: ChunkOptions,
): Chunk[] {
  const rest = { call, settle, measured, base, retries: call.retries, since: 0 }
  try {
    return [{ ...rest, ...encodeItems(items, call.spread, sharesMemory), first: 0, end: items.length }]
  } catch {
    // Which one is it? Those beside it are not to blame.
  }
  return items.flatMap((item, index): Chunk[] => {
    try {
      const alone: unknown[] = []
      alone[index] = item // a hole for each of the others, so that the item keeps its number
      return [
        {
          ...rest,
          measured: undefined,
          ...encodeItems(alone, call.spread, sharesMemory),
          first: index,
          end: index + 1,
        },
      ]
    } catch (error) {
      settle(index, { error })
      return []
    }
  })
}

function encodeItems(
  items: readonly unknown[],
  spread: boolean,
  sharesMemory: boolean,
): Pick<Chunk, 'items' | 'blocks'> {
  const plain = encodePlain(items, spread)
  if (plain) return { items: plain, blocks: NO_BLOCKS }
  const blocks: Uint8Array[] = []
  return { items: encodeValue(items, 'items', sharesMemory ? blocks : undefined), blocks }
}

/** The same chunk with copies of its large buffers: the caller may change its own as soon as the call has returned. */
export function withCopies(chunk: Chunk): Chunk {
  return chunk.blocks.length > 0 ? { ...chunk, blocks: chunk.blocks.map((bytes) => Buffer.from(bytes)) } : chunk
}

/** What a worker answered. */
export interface Answer {
  /** Of a `results` message. */
  body: Buffer
  /** Takes the large buffers that belong to it. */
  blocks: () => readonly ArrayBuffer[]
}

/**
 * Settles the tasks of a chunk by what a worker answered.
 *
 * @param where for the stacks of errors
 * @throws ProtocolError ERR_PROTOCOL if no worker answers like that. All tasks are settled then too
 */
export function settleChunk(chunk: Chunk, { body, blocks }: Answer, where: string): void {
  let answer: DecodedAnswer
  try {
    const memory = blocks()
    answer = new DecodedAnswer(decodeAnswer(body, memory), isPlain(body), chunk)
  } catch (error) {
    failChunk(chunk, error)
    if (error instanceof ProtocolError) throw error
    return // it cannot be rebuilt here
  }
  let violation: unknown
  for (let item = chunk.first; item < chunk.end; item++) {
    let outcome: TaskOutcome
    try {
      outcome = answer.outcomeOf(item, where)
    } catch (error) {
      violation = error
      outcome = { error }
    }
    chunk.settle(item, outcome)
  }
  if (violation) throw violation
}

function decodeAnswer(body: Buffer, blocks: readonly ArrayBuffer[]): unknown {
  try {
    return decodeList(body, blocks)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new ProtocolError('ERR_PROTOCOL', 'A worker answered in JSON that nobody wrote.', { cause: error })
  }
}

/** All tasks of a chunk fail with this. */
export function failChunk(chunk: Chunk, error: unknown): void {
  for (let item = chunk.first; item < chunk.end; item++) chunk.settle(item, { error })
}
