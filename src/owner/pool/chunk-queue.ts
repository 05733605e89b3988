// Runs in: owner. Chunks that wait for a worker: higher priorities first, and within a priority the oldest first. Pure.
import type { Chunk } from './chunk.js'

/** Compacting an array costs its length, so it is done when half of it is empty. */
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
  readonly #lines = new Map([[0, new Line()]])
  /** Those of the lines, highest first. A line without chunks is dropped, but not that of the usual priority. */
  readonly priorities = [0]
  #length = 0

  /** How many chunks wait. */
  get length(): number {
    return this.#length
  }

  push(chunk: Chunk): void {
    this.#length++
    this.#lineOf(chunk.call.priority).push(chunk)
  }

  /** Puts back a chunk that was taken. It is the next one of its priority. */
  unshift(chunk: Chunk): void {
    this.#length++
    this.#lineOf(chunk.call.priority).unshift(chunk)
  }

  shift(): Chunk | undefined {
    for (const priority of this.priorities) {
      const line = this.#lines.get(priority)!
      const chunk = line.shift()
      if (!chunk) continue
      this.#length--
      if (priority !== 0 && line.length === 0) this.#drop(priority)
      return chunk
    }
    return undefined
  }

  /** Takes some chunks out, or all. */
  remove(isGone: (chunk: Chunk) => boolean = () => true): Chunk[] {
    const gone = this.priorities.flatMap((priority) => this.#lines.get(priority)!.remove(isGone))
    this.#length -= gone.length
    for (const [priority, { length }] of this.#lines) if (priority !== 0 && length === 0) this.#drop(priority)
    return gone
  }

  #drop(priority: number): void {
    this.#lines.delete(priority)
    this.priorities.splice(this.priorities.indexOf(priority), 1)
  }

  #lineOf(priority: number): Line {
    let line = this.#lines.get(priority)
    if (!line) {
      line = new Line()
      this.#lines.set(priority, line)
      const lower = this.priorities.findIndex((other) => other < priority)
      this.priorities.splice(lower < 0 ? this.priorities.length : lower, 0, priority)
    }
    return line
  }
}
