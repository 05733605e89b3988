// Runs in: owner and child. What a worker has begun, in memory that it shares with its owner. Pure. It can be read when the worker
// is dead, whatever killed it, and it costs the worker a store per task. No message could tell as much: one that is sent before each task
// costs a system call, and one that waits for the next result is lost with the process.
//
// It is also where owner and worker agree who takes a chunk that was sent ahead: the owner offers it in a slot, the worker claims it
// before its first task, and until then the owner may revoke it and give it to a worker that is idle. Each is one atomic exchange.

/** Chunks that may be offered, or revoked and not yet passed over, at a time: more than twice what a worker is sent ahead. */
const SLOTS = 128

// Two entries of chunk and item, and which of them holds: a new chunk is written into the other one, so that whoever looks at any moment
// sees a chunk with an item of its own.
const CURRENT = 0
const ENTRIES = [1, 3] as const
const FIRST_SLOT = 5

const FREE = 0
const OFFERED = 1
const CLAIMED = 2
const REVOKED = 3

/** One worker's ledger, seen by either side. */
export class Ledger {
  readonly #words: Int32Array
  #cursor = 0
  /** Whether both sides see the same memory. Without the addon they do not: then nothing can be revoked or known of a dead worker. */
  readonly isShared: boolean

  /** @param memory what both share (worker-memory.ts), zeroed at first, or none */
  constructor(memory?: ArrayBuffer) {
    this.isShared = memory !== undefined
    this.#words = memory ? new Int32Array(memory, 0, FIRST_SLOT + SLOTS) : new Int32Array(FIRST_SLOT + SLOTS)
  }

  /** Owner: takes a free slot and offers it. */
  offer(): number {
    for (let tried = 0; tried < SLOTS; tried++) {
      const slot = this.#cursor
      this.#cursor = (slot + 1) % SLOTS // chunks end about in their order, so the slot that was taken longest ago is the first to be free
      if (Atomics.compareExchange(this.#words, FIRST_SLOT + slot, FREE, OFFERED) === FREE) return slot
    }
    throw new Error('A worker was offered more chunks than its ledger has slots.')
  }

  /** Owner: takes an offer back. False where the worker has claimed it. */
  revoke(slot: number): boolean {
    return this.isShared && Atomics.compareExchange(this.#words, FIRST_SLOT + slot, OFFERED, REVOKED) === OFFERED
  }

  /** Owner: whether the worker has claimed this slot. A worker that died so died in the chunk, even before its first task. */
  isClaimed(slot: number): boolean {
    return this.isShared && Atomics.load(this.#words, FIRST_SLOT + slot) === CLAIMED
  }

  /** Owner: the chunk of this slot is done. */
  free(slot: number): void {
    Atomics.store(this.#words, FIRST_SLOT + slot, FREE)
  }

  /** Worker: takes what is offered. False where it was revoked; the slot is free then. */
  claim(slot: number): boolean {
    if (!this.isShared || Atomics.compareExchange(this.#words, FIRST_SLOT + slot, OFFERED, CLAIMED) === OFFERED)
      return true
    this.free(slot)
    return false
  }

  /** Worker: it begins this item of this chunk. */
  begin(chunk: number, item: number): void {
    const words = this.#words
    const current = words[CURRENT]! as 0 | 1
    if (words[ENTRIES[current]] === (chunk | 0)) {
      Atomics.store(words, ENTRIES[current] + 1, item)
      return
    }
    const next = current === 0 ? 1 : 0
    words[ENTRIES[next]] = chunk
    words[ENTRIES[next] + 1] = item
    Atomics.store(words, CURRENT, next)
  }

  /** Owner: the chunk that the worker has begun last, and the item of it. Chunk 0 is none. */
  get begun(): { chunk: number; item: number } {
    const entry = ENTRIES[Atomics.load(this.#words, CURRENT) as 0 | 1]
    return { chunk: this.#words[entry]! >>> 0, item: this.#words[entry + 1]! }
  }
}
