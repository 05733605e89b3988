// Runs in: owner. A chunk: tasks of one call that travel together. Pure.

import type { Buffer } from 'node:buffer'
import { performance } from '../../platform/timers.js'
import type { Reference } from '../naming/remote.js'

/** What became of a task. */
export type TaskOutcome = { value: unknown } | { error: unknown }

/** One call of the user: run(), map() or an iteration. Its tasks are given up together. */
export interface Call {
  readonly reference: Reference
  /** Whether each item is a list of arguments. */
  readonly spread: boolean
  /** Time limit of each task, in milliseconds. */
  readonly timeout: number | undefined
  readonly priority: number
  /** How often a task is run again if its worker dies. */
  readonly retries: number
  /** Takes what a task says by emitProgress(). */
  readonly onProgress: ((value: unknown, item: number) => void) | undefined
  /** Takes what a task writes, if the pool captures output. */
  readonly onOutput: ((bytes: Buffer, stream: 'stdout' | 'stderr', item: number) => void) | undefined
  /** Nobody waits for its tasks any more: tasks that have not begun are not run. */
  isOver: boolean
}

/** Who asked for the tasks of a chunk. */
export interface Receiver {
  /** Takes what became of a task: each task once. `item` is its place among the items of one submit(). */
  settle(item: number, outcome: TaskOutcome): void
  /** Reports how long a task ran. The size of the next chunks is chosen by it. */
  measured?(millisecondsPerTask: number): void
}

/**
 * `queued`: it waits in the queue. `sent`: it was sent to a worker. `begun`: its worker is known to have begun it.
 * `settled`: each of its tasks has its outcome.
 */
export type ChunkState = 'queued' | 'sent' | 'begun' | 'settled'

/** A chunk is `queued` again if its worker did not begin it, or if it is retried. */
const NEXT_STATES: Record<ChunkState, readonly ChunkState[]> = {
  queued: ['sent', 'settled'],
  sent: ['begun', 'queued', 'settled'],
  begun: ['queued', 'settled'],
  settled: [],
}

/** Takes each change of a chunk's state, to count tasks. */
export interface ChunkObserver {
  onState(chunk: Chunk, from: ChunkState | undefined, to: ChunkState): void
  /** Takes how many tasks have completed and how many have failed. */
  onOutcomes(completed: number, failed: number): void
}

/** The encoded items of a chunk. */
export interface ChunkContent {
  /** All items of the chunk as it was made. */
  readonly items: Buffer
  /** Large buffers of the items. */
  readonly blocks: readonly Uint8Array[]
}

/** Which of the encoded items are the chunk's tasks: from `first` to before `end`. */
export interface ChunkPlace {
  readonly first: number
  readonly end: number
  /** The number that item 0 has in its call. */
  readonly base: number
}

/** One chunk. It is the same object from the queue to its results, however many workers it is sent to. */
export class Chunk {
  readonly items: Buffer
  readonly base: number
  readonly end: number
  /** When the pool got it, by performance.now(). */
  readonly since = performance.now()
  readonly #observer: ChunkObserver
  #first: number
  #blocks: readonly Uint8Array[]
  #state: ChunkState
  #retries: number
  #losses = 0
  /** How many of its tasks failed, once it is settled. */
  failed = 0
  /** What the first one of them has thrown. */
  failure: unknown

  /** @param state of a part that is split off: its tasks are counted already */
  constructor(
    readonly call: Call,
    content: ChunkContent,
    { first, end, base }: ChunkPlace,
    readonly receiver: Receiver,
    observer: ChunkObserver,
    state?: ChunkState,
  ) {
    this.items = content.items
    this.#blocks = content.blocks
    this.#first = first
    this.end = end
    this.base = base
    this.#retries = call.retries
    this.#observer = observer
    this.#state = state ?? 'queued'
    if (state === undefined) observer.onState(this, undefined, this.#state)
  }

  get state(): ChunkState {
    return this.#state
  }

  /** The first of its tasks. */
  get first(): number {
    return this.#first
  }

  /** How many tasks it holds. */
  get size(): number {
    return this.end - this.#first
  }

  /** Large buffers of the items: the caller's memory until submit() returns, then copies or what a worker gave back. */
  get blocks(): readonly Uint8Array[] {
    return this.#blocks
  }

  /** How many workers were sent it and ended before they began it. */
  get losses(): number {
    return this.#losses
  }

  /** Changes the state. Nothing else does. */
  #become(state: ChunkState): void {
    const from = this.#state
    if (!NEXT_STATES[from].includes(state)) throw new Error(`A chunk that is ${from} cannot be ${state}.`)
    this.#state = state
    this.#observer.onState(this, from, state)
  }

  /** The caller may change its buffers from now on. They are copied if they may be sent once more. */
  keepBlocks(copy: (bytes: Uint8Array) => Uint8Array): void {
    if (this.#blocks.length === 0) return
    const isSentAgain = this.#state === 'queued' || this.#retries > 0
    this.#blocks = isSentAgain ? this.#blocks.map(copy) : []
  }

  /** It was sent to a worker. */
  sent(): void {
    this.#become('sent')
  }

  /** Its worker has begun it. */
  begun(): void {
    if (this.#state === 'sent') this.#become('begun')
  }

  /** Its worker gave it back. */
  revoked(blocks: readonly Uint8Array[]): void {
    this.#blocks = blocks
    this.#become('queued')
  }

  /** Its worker ended and had not begun it. */
  lost(blocks: readonly Uint8Array[], { counts }: { counts: boolean }): void {
    if (counts) this.#losses++
    this.revoked(blocks)
  }

  /** Its worker died in it: if retries are left, it takes one and is to be run again. */
  retry(): boolean {
    if (this.#retries === 0) return false
    this.#retries--
    this.#become('queued')
    return true
  }

  /** Moves the tasks before this one to a chunk of their own, which has the same state. */
  splitBefore(item: number): Chunk {
    const content = { items: this.items, blocks: this.#blocks }
    const place = { first: this.#first, end: item, base: this.base }
    const front = new Chunk(this.call, content, place, this.receiver, this.#observer, this.#state)
    front.#retries = this.#retries
    front.#losses = this.#losses
    this.#first = item
    return front
  }

  /** Gives each task its outcome. A chunk that is settled already takes no other outcomes. */
  settle(outcomeOf: (item: number) => TaskOutcome): void {
    if (this.#state === 'settled') return
    this.#become('settled')
    for (let item = this.#first; item < this.end; item++) {
      const outcome = outcomeOf(item)
      if ('error' in outcome && this.failed++ === 0) this.failure = outcome.error
      this.receiver.settle(item, outcome)
    }
    this.#observer.onOutcomes(this.size - this.failed, this.failed)
  }

  /** All of its tasks fail with this error. */
  fail(error: unknown): void {
    this.settle(() => ({ error }))
  }

  /** Nobody waits for its outcomes. */
  forget(): void {
    if (this.#state !== 'settled') this.#become('settled')
  }
}
