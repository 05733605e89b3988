// Runs in: owner. The chunks that one worker was sent and has not answered, in their order, and what becomes of them when it dies. Pure.
import type { SentBlock } from '../../wire/worker/block-table.js'
import type { Ledger } from '../../wire/worker/ledger.js'
import { type Chunk, partOf } from './chunk.js'

const MAX_CHUNK_ID = 0xffffffff

/** A chunk that a worker has. */
export interface Assignment {
  readonly chunk: Chunk
  /** Its number among the chunks of this worker. */
  readonly id: number
  readonly slot: number
  /** Where its large buffers are. */
  blocks: readonly SentBlock[]
  /** Its tasks have failed already, and what the worker answers is of no interest. */
  isSettled: boolean
  /** The worker was asked to stop it. */
  isGivenUp: boolean
}

/** What a dead worker leaves. */
export interface Remains {
  /** Chunks, or parts, of which nothing has begun. */
  unbegun: Chunk[]
  /** Parts that have begun, and have no result. */
  begun: Chunk[]
}

type TakeBack = (block: SentBlock) => Uint8Array

/** The books of one worker. */
export class Assignments {
  readonly #ledger: Ledger
  readonly #sent: Assignment[] = []
  #nextId = 1

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  get length(): number {
    return this.#sent.length
  }

  /** Tasks of them. */
  get tasks(): number {
    return this.#sent.reduce((sum, { chunk }) => sum + chunk.end - chunk.first, 0)
  }

  /** The one that is answered next. */
  get first(): Assignment | undefined {
    return this.#sent[0]
  }

  add(chunk: Chunk): Assignment {
    const id = this.#nextId
    this.#nextId = id < MAX_CHUNK_ID ? id + 1 : 1
    const sent = { chunk, id, slot: this.#ledger.offer(), blocks: [], isSettled: false, isGivenUp: false }
    this.#sent.push(sent)
    return sent
  }

  /** The worker has answered this chunk. Undefined where it is not the next one: a worker keeps the order in which chunks were sent. */
  answer(id: number): Assignment | undefined {
    if (this.#sent[0]?.id !== id) return undefined
    const sent = this.#sent.shift()!
    this.#ledger.free(sent.slot)
    return sent
  }

  /** Takes the last chunk back that the worker has not begun, but never the only one. */
  revokeLast(takeBack: TakeBack): Chunk | undefined {
    const last = this.#sent.at(-1)
    if (!last || this.#sent.length < 2 || !this.#ledger.revoke(last.slot)) return undefined
    this.#sent.pop()
    return { ...last.chunk, blocks: last.blocks.map(takeBack) }
  }

  find(isIt: (sent: Assignment) => boolean): Assignment | undefined {
    return this.#sent.find(isIt)
  }

  /**
   * The worker is dead: takes everything out.
   *
   * @param isReady whether it took tasks at all
   * @param takeBack of what it has not begun; of what it has, the copies are left that were kept for retries
   */
  split(isReady: boolean, takeBack: TakeBack): Remains {
    const begun: Chunk[] = []
    const unbegun: Chunk[] = []
    const { isShared, begun: seen } = this.#ledger
    // It runs them in the order in which they were sent, so what is in front of the chunk that it began last has begun too.
    const at = isShared ? this.#sent.findIndex(({ id }) => id === seen.chunk) : isReady ? 0 : -1
    for (const [index, { chunk, blocks, isSettled }] of this.#sent.entries()) {
      if (isSettled) continue
      // A task can write any number there: all of the chunk has begun then.
      const isItem = isShared && seen.item >= chunk.first && seen.item < chunk.end
      const stop = index < at ? chunk.end : index > at ? chunk.first : isItem ? seen.item + 1 : chunk.end
      if (stop > chunk.first) begun.push(partOf(chunk, chunk.first, stop))
      if (stop < chunk.end) unbegun.push({ ...partOf(chunk, stop, chunk.end), blocks: blocks.map(takeBack) })
    }
    this.#sent.length = 0
    return { begun, unbegun }
  }
}
