// Runs in: owner. The lifeline: a pipe. Each child that may not outlive its owner holds its read end. The kernel kills
// those children when the last write end is closed, by the owner or because the owner ended.
import { check, type Native } from '../../platform/native.js'

/** The owner's two ends of the pipe. */
export class Lifeline {
  readonly #native: Native
  /** The end that children are given. */
  readonly readEnd: number
  readonly #writeEnd: number
  #isCut = false

  /** @throws ResourceError ERR_RESOURCE */
  constructor(native: Native) {
    const ends = new Int32Array(2)
    check('pipe', native.pipe(ends))
    // A worker thread that is terminated runs no code that could close them
    for (const fd of ends) native.closeAtEnd(fd)
    this.#native = native
    this.readEnd = ends[0]!
    this.#writeEnd = ends[1]!
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** Kills all processes that hold the read end. */
  cut(): void {
    if (!this.#isCut) this.#native.close(this.#writeEnd)
    this.#isCut = true
  }

  /** Frees both ends. The read end may not be given to children any more. */
  close(): void {
    this.cut()
    this.#native.close(this.readEnd)
  }
}
