// Runs in: owner and child. What a worker has begun, in memory that it shares with its owner. Pure. The
// owner can read it after the worker has died of any cause, and it costs the worker one store for each
// task. Messages could not do that: a message before each task costs a system call, and a message that
// waits for the next result is lost with the process.
//
// Here owner and worker also agree which of them takes a chunk that was sent ahead. The owner offers the chunk in a
// slot. The worker claims it before its first task. Until then the owner may revoke it and give it to an idle
// worker. Each of these is one atomic exchange.
//
// A task can write anything here. So the owner keeps its own account of the slots, and compares.
import { ProtocolError } from '../../errors.js'

/**
 * How many chunks may be offered, or revoked and not skipped yet, at a time: more than twice as many as are sent ahead.
 */
const SLOTS = 128

// Two entries of chunk and item, and the number of the current one. A new chunk is written into the other entry, so
// that a reader always sees a chunk together with an item of that chunk.
const CURRENT = 0
const ENTRIES = [1, 3] as const
const FIRST_SLOT = 5

const FREE = 0
const OFFERED = 1
const CLAIMED = 2
const REVOKED = 3

/** The values that the shared word of a slot may have, by the owner's own state of the slot. */
const ALLOWED: readonly (readonly number[])[] = [[FREE], [OFFERED, CLAIMED], [CLAIMED], [REVOKED, FREE]]

const violation = (what: string): ProtocolError =>
  new ProtocolError('ERR_PROTOCOL', `The ledger of a worker is wrong: ${what}. A task has overwritten it.`)

/** One worker's ledger, seen by either side. */
export class Ledger {
  readonly #words: Int32Array
  /** Owner: what it did with each slot: FREE, OFFERED or REVOKED. */
  readonly #known = new Uint8Array(SLOTS)
  #cursor = 0
  #offered = 0
  #isFull = false
  /**
   * Whether both sides share memory. If not, chunks cannot be revoked, and the owner cannot see
   * what a dead worker had begun.
   */
  readonly isShared: boolean

  /** @param memory the shared memory (worker-memory.ts), zeroed at first; undefined without the addon */
  constructor(memory?: ArrayBuffer) {
    this.isShared = memory !== undefined
    this.#words = memory ? new Int32Array(memory, 0, FIRST_SLOT + SLOTS) : new Int32Array(FIRST_SLOT + SLOTS)
  }

  /** Owner: how many slots hold a chunk that was neither answered nor revoked. */
  get offered(): number {
    return this.#offered
  }

  /** Owner: takes a free slot and offers it. An intact ledger always has one; if there is none, verify() throws. */
  offer(): number {
    for (let tried = 0; tried < SLOTS; tried++) {
      const slot = this.#cursor
      // Chunks end nearly in their order, so the slot that was taken longest ago is free first.
      this.#cursor = (slot + 1) % SLOTS
      const known = this.#known[slot]
      if (known === OFFERED || (known === REVOKED && this.#load(slot) !== FREE)) continue
      return this.#offer(slot)
    }
    this.#isFull = true
    return this.#offer(this.#cursor)
  }

  #offer(slot: number): number {
    this.#known[slot] = OFFERED
    this.#offered++
    Atomics.store(this.#words, FIRST_SLOT + slot, OFFERED)
    return slot
  }

  #load(slot: number): number {
    return Atomics.load(this.#words, FIRST_SLOT + slot)
  }

  /** Owner: takes an offer back. Returns false if the worker has claimed it. */
  revoke(slot: number): boolean {
    if (!this.isShared || Atomics.compareExchange(this.#words, FIRST_SLOT + slot, OFFERED, REVOKED) !== OFFERED)
      return false
    this.#known[slot] = REVOKED
    this.#offered--
    return true
  }

  /**
   * Owner: whether the worker has claimed this slot. If the worker then dies, it died in this
   * chunk, even if that was before the first task.
   */
  isClaimed(slot: number): boolean {
    return this.isShared && Atomics.load(this.#words, FIRST_SLOT + slot) === CLAIMED
  }

  /** Owner: the chunk of this slot is done. */
  free(slot: number): void {
    if (this.#known[slot] === OFFERED) this.#offered--
    this.#known[slot] = FREE
    Atomics.store(this.#words, FIRST_SLOT + slot, FREE)
  }

  /**
   * Owner: checks every word that the worker can change.
   * @throws ProtocolError ERR_PROTOCOL
   */
  verify(): void {
    if (!this.isShared) return
    if (this.#isFull) throw violation('no slot is free')
    if (this.#current === undefined) throw violation('no entry is the current one')
    for (const [slot, known] of this.#known.entries()) {
      const state = this.#load(slot)
      if (!ALLOWED[known]!.includes(state)) throw violation(`slot ${slot} is in state ${state}`)
    }
  }

  /**
   * Worker: takes the chunk that is offered. Returns false if it was revoked; then the slot is free.
   * @throws ProtocolError ERR_PROTOCOL if it was not offered
   */
  claim(slot: number): boolean {
    if (!this.isShared) return true
    if (slot >= SLOTS) throw violation(`a chunk names slot ${slot}`)
    const state = Atomics.compareExchange(this.#words, FIRST_SLOT + slot, OFFERED, CLAIMED)
    if (state === OFFERED) return true
    if (state !== REVOKED) throw violation(`a chunk names slot ${slot}, which is in state ${state}`)
    Atomics.store(this.#words, FIRST_SLOT + slot, FREE)
    return false
  }

  get #current(): 0 | 1 | undefined {
    const current = Atomics.load(this.#words, CURRENT)
    return current === 0 || current === 1 ? current : undefined
  }

  /** Worker: it begins this item of this chunk. */
  begin(chunk: number, item: number): void {
    const words = this.#words
    const current = words[CURRENT] === 0 ? 0 : 1
    if (words[ENTRIES[current]] === (chunk | 0)) {
      Atomics.store(words, ENTRIES[current] + 1, item)
      return
    }
    const next = current === 0 ? 1 : 0
    words[ENTRIES[next]] = chunk
    words[ENTRIES[next] + 1] = item
    Atomics.store(words, CURRENT, next)
  }

  /**
   * Owner: the chunk and the item that the worker has begun last. Chunk 0 means none. Both may be any number of 32
   * bits: compare them with the chunks that the worker was sent.
   */
  get begun(): { chunk: number; item: number } {
    const current = this.#current
    if (current === undefined) return { chunk: 0, item: 0 }
    const entry = ENTRIES[current]
    return { chunk: this.#words[entry]! >>> 0, item: this.#words[entry + 1]! >>> 0 }
  }
}
