// Runs in: owner. Chunks that wait for a worker: those of a higher priority first, then in their order. Pure.
import type { Call, Chunk } from './chunk.js'

/** Compacting an array costs its length, so it is done when half of it is spent. */
const COMPACT_FROM = 1_024

class Line {
  #chunks: (Chunk | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#chunks.length - this.#head
  }

  push(chunk: Chunk): void {
    this.#chunks.push(chunk)
  }

  unshift(chunk: Chunk): void {
    if (this.#head > 0) this.#chunks[--this.#head] = chunk
    else this.#chunks.unshift(chunk)
  }

  shift(): Chunk | undefined {
    if (this.length === 0) return undefined
    const chunk = this.#chunks[this.#head]
    this.#chunks[this.#head++] = undefined
    if (this.#head >= COMPACT_FROM && this.#head * 2 >= this.#chunks.length) this.#compact()
    return chunk
  }

  remove(isGone: (chunk: Chunk) => boolean): Chunk[] {
    this.#compact()
    const gone = (this.#chunks as Chunk[]).filter(isGone)
    if (gone.length > 0) this.#chunks = (this.#chunks as Chunk[]).filter((chunk) => !isGone(chunk))
    return gone
  }

  #compact(): void {
    this.#chunks = this.#chunks.slice(this.#head)
    this.#head = 0
  }
}

/** The queue of a pool. */
export class ChunkQueue {
  readonly #lines = new Map<number, Line>()
  /** Priorities in use, highest first. */
  #priorities: number[] = []
  #tasks = 0
  #length = 0

  /** Chunks that wait. */
  get length(): number {
    return this.#length
  }

  /** Tasks that wait. */
  get tasks(): number {
    return this.#tasks
  }

  push(chunk: Chunk): void {
    this.#count(chunk, 1)
    this.#lineOf(chunk.call.priority).push(chunk)
  }

  /** Puts back what was taken: it is the next of its priority. */
  unshift(chunk: Chunk): void {
    this.#count(chunk, 1)
    this.#lineOf(chunk.call.priority).unshift(chunk)
  }

  shift(): Chunk | undefined {
    for (const priority of this.#priorities) {
      const chunk = this.#lines.get(priority)!.shift()
      if (!chunk) continue
      this.#count(chunk, -1)
      return chunk
    }
    return undefined
  }

  /** Takes out what belongs to a call, or everything. */
  remove(call?: Call): Chunk[] {
    const gone = this.#priorities.flatMap((priority) =>
      this.#lines.get(priority)!.remove((chunk) => call === undefined || chunk.call === call),
    )
    for (const chunk of gone) this.#count(chunk, -1)
    return gone
  }

  #count(chunk: Chunk, sign: 1 | -1): void {
    this.#length += sign
    this.#tasks += sign * (chunk.end - chunk.first)
  }

  #lineOf(priority: number): Line {
    let line = this.#lines.get(priority)
    if (!line) {
      line = new Line()
      this.#lines.set(priority, line)
      this.#priorities = [...this.#lines.keys()].sort((a, b) => b - a)
    }
    return line
  }
}
