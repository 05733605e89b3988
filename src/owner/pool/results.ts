// Runs in: owner. The results of a Pool's imap(): reads its input no further ahead than it is allowed to, makes chunks of it, and gives
// results out in order or as they come.
import { type Call, chunksOf, type TaskOutcome } from './chunk.js'
import type { Crew } from './worker-set.js'

/** An 'auto' chunk shall run so long, in milliseconds: a message's way is a small part of it, and a reader need not wait. */
const AUTO_CHUNK_MS = 2
const MAX_AUTO_CHUNK = 1_000

export interface ResultsOptions {
  chunkSize: number | 'auto'
  /** Items that may be read beyond those that workers run. */
  bufferSize: number | undefined
  processes: number
  isOrdered: boolean
  onError: 'throw' | 'yield'
  /** Called once, when nothing more is given out. */
  onOver: () => void
}

/** One chunk's place among the results. */
interface Cell {
  outcomes: (TaskOutcome | undefined)[]
  next: number
}

type Input = AsyncIterator<unknown> | Iterator<unknown>

/** An iteration over the results of one call. */
export class Results<T> implements AsyncIterableIterator<T> {
  readonly #crew: Crew
  readonly #call: Call
  readonly #options: ResultsOptions
  readonly #input: Input
  readonly #isAsync: boolean
  /** In order: one for each chunk, first to be given out first. As they come: one for each result. */
  readonly #cells: Cell[] = []
  #chunkSize: number
  /** Items that were read and not given out. */
  #ahead = 0
  /** Items that were read. */
  #read = 0
  #isStarted = false
  #isReading = false
  #isInputOver = false
  #inputError: { error: unknown } | undefined
  /** Calls of next() for which there was nothing yet. */
  #waiting: (() => void)[] = []
  #isOver = false

  constructor(crew: Crew, call: Call, input: AsyncIterable<unknown> | Iterable<unknown>, options: ResultsOptions) {
    this.#crew = crew
    this.#call = call
    this.#options = options
    this.#chunkSize = options.chunkSize === 'auto' ? 1 : options.chunkSize
    this.#isAsync = Symbol.asyncIterator in Object(input)
    this.#input = this.#isAsync
      ? (input as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : (input as Iterable<unknown>)[Symbol.iterator]()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (!this.#isStarted && !this.#isOver && !this.#inputError) {
      this.#crew.checkOpen() // an iteration that nobody has begun to read does not hold close() up
      this.#crew.began(this.#call)
    }
    this.#isStarted = true
    for (;;) {
      if (this.#isOver) return { done: true, value: undefined }
      this.#fill()
      const outcome = this.#take()
      if (outcome) return this.#giveOut(outcome)
      if (this.#isInputOver && this.#ahead === 0) return await this.#finish()
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
  }

  /** The reader leaves early: what has not begun is not run, and what has is not disturbed. */
  async return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#isOver) {
      this.#isOver = true
      this.#crew.abandon(this.#call)
      this.#end()
      if (!this.#isInputOver) await this.#input.return?.()
    }
    this.#wake()
    return { done: true, value: undefined }
  }

  /** Gives the call up: the next result is this error. */
  abort(error: unknown): void {
    if (this.#isOver) return
    this.#crew.abandon(this.#call, error as Error)
    this.#inputError = { error }
    if (!this.#isInputOver) void Promise.resolve(this.#input.return?.()).catch(() => {}) // it is given up already
    this.#isInputOver = true
    this.#cells.length = 0
    this.#ahead = 0
    this.#wake()
  }

  #end(): void {
    this.#crew.finished(this.#call)
    this.#options.onOver()
  }

  async #finish(): Promise<IteratorResult<T, undefined>> {
    this.#isOver = true
    this.#call.isOver = true
    this.#end()
    if (this.#inputError) throw this.#inputError.error
    return { done: true, value: undefined }
  }

  #giveOut(outcome: TaskOutcome): IteratorResult<T, undefined> | Promise<IteratorResult<T, undefined>> {
    this.#ahead--
    if (this.#options.onError === 'yield') {
      const settled =
        'error' in outcome
          ? { status: 'rejected', reason: outcome.error }
          : { status: 'fulfilled', value: outcome.value }
      return { done: false, value: settled as T }
    }
    if (!('error' in outcome)) return { done: false, value: outcome.value as T }
    // for await does not call return() behind an error of next(): the iteration is over.
    return this.return().then(() => {
      throw outcome.error
    })
  }

  #take(): TaskOutcome | undefined {
    const cells = this.#cells
    for (let cell: Cell | undefined; (cell = cells[0]); cells.shift()) {
      const outcome = cell.outcomes[cell.next]
      if (!outcome) {
        if (cell.next < cell.outcomes.length) return undefined
        continue // all of it is given out
      }
      cell.outcomes[cell.next++] = undefined
      return outcome
    }
    return undefined
  }

  /** How many items may be read and not given out. */
  get #limit(): number {
    const running = this.#options.processes * this.#chunkSize
    return running + (this.#options.bufferSize ?? Math.max(64, 2 * running))
  }

  /** Reads ahead: at once where the input gives its items at once. */
  #fill(): void {
    while (!this.#isReading && !this.#isInputOver && this.#ahead + this.#chunkSize <= this.#limit) this.#readChunk()
  }

  #readChunk(): void {
    const items: unknown[] = []
    const size = this.#chunkSize
    const readOn = (): void | Promise<void> => {
      while (items.length < size && !this.#isInputOver) {
        const step = this.#input.next()
        // Not by its class: an async iterator may return any thenable.
        if (this.#isAsync) return Promise.resolve(step).then(take).then(readOn)
        take(step as IteratorResult<unknown>)
      }
    }
    const take = (step: IteratorResult<unknown>): void => {
      if (step.done) this.#isInputOver = true
      else if (!this.#isOver && !this.#call.isOver) {
        items.push(step.value)
        this.#ahead++
      }
    }
    const fail = (error: unknown): void => {
      this.#isInputOver = true
      this.#inputError ??= { error }
    }
    const settle = (): void => {
      if (items.length > 0 && !this.#isOver && !this.#call.isOver) this.#submit(items)
    }
    try {
      const pending = readOn()
      if (!pending) return settle()
      this.#isReading = true
      pending.catch(fail).then(() => {
        this.#isReading = false
        settle()
        this.#wake()
      })
    } catch (error) {
      fail(error)
      settle()
    }
  }

  #submit(items: readonly unknown[]): void {
    const cell: Cell = { outcomes: new Array(items.length), next: 0 }
    if (this.#options.isOrdered) this.#cells.push(cell)
    const settle = (item: number, outcome: TaskOutcome): void => {
      if (this.#call.isOver) return
      if (!this.#options.isOrdered) this.#cells.push({ outcomes: [outcome], next: 0 })
      else cell.outcomes[item] = outcome
      this.#wake()
    }
    const measured =
      this.#options.chunkSize === 'auto' ? (ms: number): void => this.#resize(ms / items.length) : undefined
    const base = this.#read
    this.#read += items.length
    const { sharesMemory } = this.#crew
    for (const chunk of chunksOf(this.#call, items, { settle, measured, base, sharesMemory })) this.#crew.submit(chunk)
  }

  /** An 'auto' chunk grows by its double at most: one quick task says little about the next ones. */
  #resize(msPerTask: number): void {
    const wanted = Math.floor(AUTO_CHUNK_MS / Math.max(msPerTask, 1e-6))
    this.#chunkSize = Math.max(1, Math.min(wanted, 2 * this.#chunkSize, MAX_AUTO_CHUNK))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
