// Runs in: owner. The chunks that one worker was sent and has not answered, and what becomes of them when it ends.
// Pure.
import type { SentBlock } from '../../wire/worker/block-table.js'
import type { Ledger } from '../../wire/worker/ledger.js'
import type { TaskStartEvent } from '../diagnostics/events.js'
import type { Chunk } from './chunk.js'

const MAX_CHUNK_ID = 0xffffffff

/** A chunk that a worker has. */
export interface Assignment {
  readonly chunk: Chunk
  /** Its number among the chunks of this worker. */
  readonly id: number
  /** Where the ledger says whether the worker has claimed it. */
  readonly slot: number
  /** Where its large buffers are. */
  blocks: readonly SentBlock[]
  /** The worker was asked to stop it. */
  isGivenUp: boolean
  /** What was published when it was sent; undefined if nobody listened. */
  published: { readonly event: TaskStartEvent; readonly since: number } | undefined
}

/** What a worker leaves when it ends. */
export interface Remains {
  /** Chunks, or parts of them, that it had not begun. They are queued again. */
  unbegun: Chunk[]
  /** Chunks, or parts of them, that it had begun and not answered. */
  begun: Chunk[]
}

type TakeBack = (block: SentBlock) => Uint8Array

/** The chunks that one worker was sent, in the order of sending. */
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

  /** How many tasks they hold. */
  get tasks(): number {
    return this.#sent.reduce((sum, { chunk }) => sum + chunk.size, 0)
  }

  /** The one that was sent last. */
  get last(): Assignment | undefined {
    return this.#sent.at(-1)
  }

  /** All, in the order of sending. */
  get all(): readonly Assignment[] {
    return [...this.#sent]
  }

  /** The one that is answered next. */
  get first(): Assignment | undefined {
    return this.#sent[0]
  }

  add(chunk: Chunk): Assignment {
    const id = this.#nextId
    this.#nextId = id < MAX_CHUNK_ID ? id + 1 : 1
    const sent = { chunk, id, slot: this.#ledger.offer(), blocks: [], isGivenUp: false, published: undefined }
    chunk.sent()
    this.#sent.push(sent)
    return sent
  }

  /** The worker has answered this chunk. Returns undefined if it is not the next one: a worker keeps the order. */
  answer(id: number): Assignment | undefined {
    if (this.#sent[0]?.id !== id) return undefined
    const sent = this.#sent.shift()!
    this.#ledger.free(sent.slot)
    return sent
  }

  /** Takes the last chunk back if the worker has not begun it. It never takes the only one. */
  revokeLast(takeBack: TakeBack): Chunk | undefined {
    const { last } = this
    if (!last || this.#sent.length < 2 || last.chunk.state !== 'sent' || !this.#ledger.revoke(last.slot))
      return undefined
    this.#sent.pop()
    last.chunk.revoked(last.blocks.map(takeBack))
    return last.chunk
  }

  find(isIt: (sent: Assignment) => boolean): Assignment | undefined {
    return this.#sent.find(isIt)
  }

  /**
   * The worker has ended: takes everything out.
   *
   * @param isReady whether it took tasks at all
   * @param countsLosses whether what it had not begun counts this as a loss
   * @param takeBack returns the large buffers of chunks that it had not begun. Retries of begun chunks have copies
   */
  split({ isReady, countsLosses }: { isReady: boolean; countsLosses: boolean }, takeBack: TakeBack): Remains {
    const begun: Chunk[] = []
    const unbegun: Chunk[] = []
    const seen = this.#ledger.isShared ? this.#ledger.begun : undefined
    const current = seen ? this.#sent.findIndex(({ id }) => id === seen.chunk) : -1
    for (const [index, { chunk, slot, blocks }] of this.#sent.entries()) {
      if (chunk.state === 'settled') continue
      const { first, end } = chunk
      let stop = first // every task before this one has begun
      if (chunk.state === 'begun') stop = end
      else if (!seen) stop = isReady && index === 0 ? end : first
      // A worker runs chunks in their order. Everything before its current task has begun too.
      else if (index < current) stop = end
      else if (index === current) stop = seen.item >= first && seen.item < end ? seen.item + 1 : end
      // It died after it had claimed the chunk and before the first task: in the import of the module, or in an item.
      else if (this.#ledger.isClaimed(slot)) stop = end
      if (stop > first) {
        chunk.begun()
        begun.push(stop < end ? chunk.splitBefore(stop) : chunk)
      }
      if (stop < end) {
        chunk.lost(blocks.map(takeBack), { counts: countsLosses })
        unbegun.push(chunk)
      }
    }
    this.#sent.length = 0
    return { begun, unbegun }
  }
}
