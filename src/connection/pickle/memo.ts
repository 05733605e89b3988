// Runs in: owner and child. A pickle's numbered notes of what it may mention again: shared references and cycles. Pure.
//
// CPython numbers them from 0 without gaps, but a pickle may use any number below 2 ** 32, and one byte more must not cost an array of
// that length.

/** What a pickle has put aside, by number. */
export class Memo {
  readonly #dense: unknown[] = []
  readonly #sparse = new Map<number | bigint, unknown>()

  /** The number that comes next, where a pickle gives none: how many there are. */
  get size(): number {
    return this.#dense.length + this.#sparse.size
  }

  has(index: number | bigint): boolean {
    return (typeof index === 'number' && index < this.#dense.length && index >= 0) || this.#sparse.has(index)
  }

  get(index: number | bigint): unknown {
    return typeof index === 'number' && index < this.#dense.length ? this.#dense[index] : this.#sparse.get(index)
  }

  set(index: number | bigint, value: unknown): void {
    if (typeof index !== 'number' || index > this.#dense.length) {
      this.#sparse.set(index, value)
      return
    }
    if (index === this.#dense.length) this.#sparse.delete(index)
    this.#dense[index] = value
  }
}
