// Runs in: owner. Chunks as bytes: items on their way to a worker, and the results on their way back. Pure.
import type { Buffer } from 'node:buffer'
import { ProtocolError } from '../../errors.js'
import { encodeValue } from '../../wire/values/clone.js'
import { Answer as DecodedAnswer } from '../../wire/worker/answer.js'
import { decodeList, encodePlain, isPlain } from '../../wire/worker/plain-list.js'
import type { OneTaskSetup } from '../../wire/worker/worker-messages.js'
import { type Call, Chunk, type ChunkContent, type ChunkObserver, type Receiver } from './chunk.js'

const NO_BLOCKS: readonly Uint8Array[] = []

/** How chunksOf() makes chunks. */
export interface ChunkOptions {
  receiver: Receiver
  observer: ChunkObserver
  /** The number in the call of the first item; default 0. */
  base?: number
  /** Whether large buffers travel beside the items. */
  sharesMemory?: boolean
}

/**
 * Makes a chunk of items. Items that cannot be cloned fail at once with UsageError ERR_CANNOT_CLONE. Each of
 * the other items is then a chunk of its own.
 */
export function chunksOf(
  call: Call,
  items: readonly unknown[],
  { receiver, observer, base = 0, sharesMemory = false }: ChunkOptions,
): Chunk[] {
  const chunkOf = (content: ChunkContent, first: number, end: number): Chunk =>
    new Chunk(call, content, { first, end, base }, receiver, observer)
  let content: ChunkContent | undefined
  try {
    content = encodeItems(items, call.spread, sharesMemory)
  } catch {
    // Which item is it? The items beside it are not to blame.
  }
  if (content) return [chunkOf(content, 0, items.length)]
  const chunks: Chunk[] = []
  for (const [index, item] of items.entries()) {
    try {
      const alone: unknown[] = []
      alone[index] = item // a hole for each of the others, so that the item keeps its number
      chunks.push(chunkOf(encodeItems(alone, call.spread, sharesMemory), index, index + 1))
    } catch (error) {
      receiver.settle(index, { error })
    }
  }
  return chunks
}

function encodeItems(items: readonly unknown[], spread: boolean, sharesMemory: boolean): ChunkContent {
  const plain = encodePlain(items, spread)
  if (plain) return { items: plain, blocks: NO_BLOCKS }
  const blocks: Uint8Array[] = []
  return { items: encodeValue(items, 'items', sharesMemory ? blocks : undefined), blocks }
}

/** What a worker for one task is told of the task. */
export type OneTask = Omit<OneTaskSetup, 'id' | 'name' | 'teardown' | 'isCaptured'>

/** @param id the number of the chunk, which has one task */
export function oneTaskOf({ call, first: item, items }: Chunk, id: number): OneTask {
  const { reference, spread, onProgress } = call
  const { module, name } = reference
  return { reference: { module, name }, chunk: id, item, items, spread, listens: onProgress !== undefined }
}

/** The answer of a worker. */
export interface Answer {
  /** Of a `results` message. */
  body: Buffer
  /** Takes the large buffers that belong to it. */
  blocks: () => readonly ArrayBuffer[]
}

/**
 * Settles a chunk with the answer of a worker. If the answer cannot be decoded here, all of its
 * tasks fail, and the error says why.
 *
 * @param where names the worker in the stacks of errors
 * @throws ProtocolError ERR_PROTOCOL if no worker answers like that. All tasks are settled then too
 */
export function settleChunk(chunk: Chunk, { body, blocks }: Answer, where: string): void {
  let answer: DecodedAnswer
  try {
    answer = new DecodedAnswer(decodeAnswer(body, blocks()), isPlain(body), chunk)
  } catch (error) {
    chunk.fail(error)
    if (error instanceof ProtocolError) throw error
    return
  }
  let violation: unknown
  chunk.settle((item) => {
    try {
      return answer.outcomeOf(item, where)
    } catch (error) {
      violation = error
      return { error }
    }
  })
  if (violation) throw violation
}

function decodeAnswer(body: Buffer, blocks: readonly ArrayBuffer[]): unknown {
  try {
    return decodeList(body, blocks)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const text = 'The answer of a worker is not valid JSON. A task may have overwritten memory that its worker shares.'
    throw new ProtocolError('ERR_PROTOCOL', text, { cause: error })
  }
}
