// Runs in: owner. An iteration over the results of one call: reads the input ahead up to a limit, makes chunks of it,
// and yields the results in order or as they come.
import type { Call, Receiver, TaskOutcome } from './chunk.js'
import { type Input, InputReader } from './input-reader.js'

/**
 * How long an 'auto' chunk should run, in milliseconds: long compared with the way of a message,
 * short for a reader who waits.
 */
const AUTO_CHUNK_MS = 2
const MAX_AUTO_CHUNK = 1_000

export interface ResultsOptions {
  chunkSize: number | 'auto'
  /** How many items may be read ahead of those that workers run. */
  bufferSize: number | undefined
  processes: number
  isOrdered: boolean
  onError: 'throw' | 'yield'
  /** Called once, when the iteration is over. */
  onOver: () => void
}

/** A call that may bring more chunks. */
export interface OpenCall {
  /** The pool runs nothing any more. */
  stop(error: Error): void
}

/** Runs the chunks: the pool's set of workers. */
export interface Runner {
  /** @throws the reason, if the pool takes no calls any more */
  checkOpen(): void
  /** More items of this call may come. */
  began(call: OpenCall): void
  /** No more items of this call come. */
  finished(call: OpenCall): void
  submit(call: Call, items: readonly unknown[], base: number, receiver: Receiver): void
  abandon(call: Call, error?: Error): void
}

/** The place of one chunk among the results. */
interface Cell {
  outcomes: (TaskOutcome | undefined)[]
  next: number
}

const DONE: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined })

/** An iteration over the results of one call. */
export class Results<T> implements AsyncIterableIterator<T>, OpenCall {
  readonly #runner: Runner
  readonly #call: Call
  readonly #options: ResultsOptions
  readonly #reader: InputReader
  /** In order: one for each chunk, oldest first. As they come: one for each result. */
  readonly #cells: Cell[] = []
  #chunkSize: number
  /** How many items were read whose results were not yielded yet. */
  #ahead = 0
  /** How many items were read. */
  #read = 0
  #isStarted = false
  /** The error that ends the iteration after the results that are there. */
  #failure: { error: unknown } | undefined
  /** Calls of next() for which there was nothing yet. */
  #waiting: (() => void)[] = []
  #isOver = false

  constructor(runner: Runner, call: Call, input: Input<unknown>, options: ResultsOptions) {
    this.#runner = runner
    this.#call = call
    this.#options = options
    this.#chunkSize = options.chunkSize === 'auto' ? 1 : options.chunkSize
    this.#reader = new InputReader(input, {
      onItems: (items) => this.#submit(items),
      onEnd: (failure) => {
        this.#failure ??= failure
        this.#wake()
      },
      onRead: () => this.#wake(),
    })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (!this.#isStarted && !this.#isOver && !this.#failure) {
      this.#runner.checkOpen() // an iteration that nobody has begun to read does not delay close()
      this.#runner.began(this)
    }
    this.#isStarted = true
    for (;;) {
      if (this.#isOver) return DONE
      this.#fill()
      const outcome = this.#take()
      if (outcome) return this.#giveOut(outcome)
      if (this.#reader.isOver && this.#ahead === 0) return this.#finish()
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
  }

  /** The reader leaves early: items that have not begun are not run, and those that have begun go on. */
  async return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#isOver) {
      this.#isOver = true
      this.#runner.abandon(this.#call)
      this.#end()
      this.#wake()
      await this.#reader.close()
    }
    return DONE
  }

  /** Gives the call up, and kills what runs. The next result is this error. */
  abort(error: Error): void {
    if (this.#isOver) return
    this.#runner.abandon(this.#call, error)
    this.#failure = { error }
    this.#cells.length = 0
    this.#ahead = 0
    this.#closeInput()
  }

  /** The pool runs nothing any more. The results that it has are yielded first, and then this error is thrown. */
  stop(error: Error): void {
    if (this.#isOver) return
    this.#failure ??= { error }
    this.#closeInput()
  }

  #closeInput(): void {
    this.#reader.close().catch(() => {}) // the call has its error already
    this.#wake()
  }

  #end(): void {
    this.#call.isOver = true
    this.#runner.finished(this)
    this.#options.onOver()
  }

  #finish(): IteratorResult<T, undefined> {
    this.#isOver = true
    this.#end()
    this.#wake()
    if (this.#failure) throw this.#failure.error
    return DONE
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
    // `for await` does not call return() after an error of next(): the iteration is over. The error counts,
    // even if the input fails when it is closed.
    const fail = (): never => {
      throw outcome.error
    }
    return this.return().then(fail, fail)
  }

  #take(): TaskOutcome | undefined {
    const cells = this.#cells
    for (let cell: Cell | undefined; (cell = cells[0]); cells.shift()) {
      const outcome = cell.outcomes[cell.next]
      if (!outcome) {
        if (cell.next < cell.outcomes.length) return undefined
        continue // all of it is yielded
      }
      cell.outcomes[cell.next++] = undefined
      return outcome
    }
    return undefined
  }

  /** How many items may be read before their results are yielded. */
  get #limit(): number {
    const running = this.#options.processes * this.#chunkSize
    return running + (this.#options.bufferSize ?? Math.max(64, 2 * running))
  }

  /** Reads ahead, synchronously if the input gives its items synchronously. */
  #fill(): void {
    const reader = this.#reader
    while (!reader.isReading && !reader.isOver && this.#ahead + this.#chunkSize <= this.#limit)
      reader.read(this.#chunkSize)
  }

  #submit(items: readonly unknown[]): void {
    if (this.#call.isOver) return
    this.#ahead += items.length
    const cell: Cell = { outcomes: new Array(items.length), next: 0 }
    if (this.#options.isOrdered) this.#cells.push(cell)
    const settle = (item: number, outcome: TaskOutcome): void => {
      if (this.#call.isOver) return
      if (this.#options.isOrdered) cell.outcomes[item] = outcome
      else this.#cells.push({ outcomes: [outcome], next: 0 })
      this.#wake()
    }
    const receiver: Receiver =
      this.#options.chunkSize === 'auto' ? { settle, measured: (ms) => this.#resize(ms) } : { settle }
    const base = this.#read
    this.#read += items.length
    this.#runner.submit(this.#call, items, base, receiver)
  }

  /** An 'auto' chunk at most doubles: one quick task says little about the next ones. */
  #resize(msPerTask: number): void {
    const wanted = Math.floor(AUTO_CHUNK_MS / Math.max(msPerTask, 1e-6))
    this.#chunkSize = Math.max(1, Math.min(wanted, 2 * this.#chunkSize, MAX_AUTO_CHUNK))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
