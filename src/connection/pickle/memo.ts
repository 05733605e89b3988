// Runs in: owner and child. The memo of a pickle: numbered values that it may refer to again, for shared references and
// cycles. Pure.
//
// CPython numbers them from 0 without gaps. But a pickle may use any number below 2 ** 32, and one additional byte must
// not cost an array of that length.

/** The values that a pickle has stored, by number. */
export class Memo {
  readonly #dense: unknown[] = []
  readonly #sparse = new Map<number | bigint, unknown>()

  /** The number of the next value if the pickle gives none: how many values are stored. */
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
