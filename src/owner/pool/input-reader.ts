// Runs in: owner. Reads the input of a call as `for await` does, sync and async iterables alike.
//
// It differs from `for await` in one thing: a reader that stops never waits for a source that does not answer.
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../../platform/timers.js'

/** What an input may be. */
export type Input<T> = Iterable<T> | AsyncIterable<T>

/** How long a reader waits for the return() of a source that it closes, in milliseconds. */
const RETURN_LIMIT_MS = 1_000

/** Takes what is read. */
export interface InputListener {
  /** Takes items that came together: at most as many as were asked for. */
  onItems(items: unknown[]): void
  /** The source has ended, or it failed. Nothing more comes. */
  onEnd(failure?: { error: unknown }): void
  /** A read() that did not end at once is over. */
  onRead(): void
}

interface Source {
  readonly isAsync: boolean
  readonly iterator: { return?: unknown }
  /** Looked up once, as the language does. */
  readonly next: unknown
}

/** After so many items in a row of which each is another one, a source is taken for one that makes its items anew. */
const DISTINCT = 4
/** There was no item yet. */
const NONE = Symbol('none')

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

const isThenable = (value: unknown): boolean =>
  isObject(value) && typeof (value as { then?: unknown }).then === 'function'

const describe = (value: unknown): string => (value === null ? 'null' : typeof value)

function call(method: unknown, self: unknown, name: string): unknown {
  if (typeof method !== 'function') throw new TypeError(`${name} of the input is ${describe(method)}, not a function.`)
  return Reflect.apply(method, self, [])
}

function mustBeObject(value: unknown, name: string): object {
  if (isObject(value)) return value
  throw new TypeError(`${name} of the input gave ${describe(value)}, not an object.`)
}

function openSource(input: Input<unknown>): Source {
  const methods = input as { [Symbol.asyncIterator]?: unknown; [Symbol.iterator]?: unknown }
  const asyncMethod = methods[Symbol.asyncIterator]
  const isAsync = asyncMethod !== undefined && asyncMethod !== null
  const name = isAsync ? '[Symbol.asyncIterator]()' : '[Symbol.iterator]()'
  const iterator = mustBeObject(call(isAsync ? asyncMethod : methods[Symbol.iterator], input, name), name)
  return { isAsync, iterator, next: (iterator as { next?: unknown }).next }
}

/** The input of one call. */
export class InputReader {
  readonly #input: Input<unknown>
  readonly #listener: InputListener
  #source: Source | undefined
  #items: unknown[] = []
  #last: unknown = NONE
  readonly #isList: boolean
  /**
   * Whether the source gives the same object again with other content, as some parsers of rows do. Each item is
   * delivered then before the source changes it. Undefined until that is known.
   */
  #reusesItems: boolean | undefined
  #distinct = 0
  /** Whether a call of next() is on the stack: a sync source may close its own reader. */
  #isInNext = false
  /** Whether an answer of the source is awaited. */
  #isPending = false
  #isReading = false
  #flush: NodeJS.Immediate | undefined
  #isOver = false
  #isClosed = false

  /** The source is not touched before the first read(). */
  constructor(input: Input<unknown>, listener: InputListener) {
    this.#input = input
    this.#isList = Array.isArray(input) // it has all of its items at once
    this.#listener = listener
  }

  /** Whether a read() is under way. */
  get isReading(): boolean {
    return this.#isReading
  }

  /** Nothing more comes. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Reads up to `count` items, synchronously if the source gives them synchronously. If the source is slow, the items
   * that it has given so far are delivered first. Only one read runs at a time.
   */
  read(count: number): void {
    this.#isReading = true
    try {
      this.#source ??= openSource(this.#input)
      const rest = this.#source.isAsync ? count : this.#readNow(this.#source, count)
      if (rest > 0 && !this.#isOver) return void this.#readLater(this.#source, rest)
    } catch (error) {
      this.#end({ error })
    }
    this.#finishRead()
  }

  /**
   * A sync source: reads until the items are there. Returns how many are still to be read after an
   * item that is a promise.
   */
  #readNow(source: Source, count: number): number {
    for (let left = count; left > 0; left--) {
      const step = this.#callNext(source)
      if (this.#isClosed) return 0
      if (!this.#takeStep(step as object, source)) return 0
      if (isThenable(this.#items.at(-1))) return left
      this.#note()
      if (this.#isOver) return 0
    }
    return 0
  }

  async #readLater(source: Source, count: number): Promise<void> {
    let left = count
    try {
      // The item of a sync source is a promise: its value takes the place of the item.
      if (!source.isAsync) {
        await this.#awaitLast(source)
        left--
      }
      for (; left > 0 && !this.#isOver; left--) {
        const answer = this.#callNext(source)
        if (this.#isClosed && !source.isAsync) break
        const step = source.isAsync ? await this.#pend(answer) : answer
        if (this.#isOver || !this.#takeStep(step as object, source)) break
        if (!source.isAsync && isThenable(this.#items.at(-1))) await this.#awaitLast(source)
        else this.#note()
      }
    } catch (error) {
      this.#end({ error })
    }
    clearImmediate(this.#flush)
    this.#flush = undefined
    this.#finishRead()
    this.#listener.onRead()
  }

  async #pend(answer: unknown): Promise<unknown> {
    this.#isPending = true
    // Items do not wait for a slow source to fill their chunk. A source that has its items at hand answers before this.
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined
      this.#deliver()
    })
    try {
      return await answer
    } finally {
      this.#isPending = false
    }
  }

  /** `for await` awaits the items of a sync source; the source is closed if one of them rejects. */
  async #awaitLast(source: Source): Promise<void> {
    const promise = this.#items.pop()
    let value: unknown
    try {
      value = await this.#pend(promise)
    } catch (error) {
      if (!this.#isOver) void this.#callReturn(source).catch(() => {}) // the rejection is the error that counts
      throw error
    }
    if (this.#isOver) return
    this.#items.push(value)
    this.#note()
  }

  #callNext(source: Source): unknown {
    let answer: unknown
    this.#isInNext = true
    try {
      answer = call(source.next, source.iterator, 'next')
    } finally {
      this.#isInNext = false
    }
    if (this.#isClosed) void this.#callReturn(source).catch(() => {}) // the source itself closed the reader
    return answer
  }

  /** Returns false if that was the end. */
  #takeStep(answer: unknown, source: Source): boolean {
    const step = mustBeObject(answer, source.isAsync ? 'The promise of next()' : 'next()') as IteratorResult<unknown>
    if (step.done) {
      this.#end()
      return false
    }
    this.#items.push(step.value)
    return true
  }

  /** The last item is no promise. */
  #note(): void {
    if (this.#isList) return
    const item = this.#items.at(-1)
    if (item === this.#last && isObject(item)) this.#reusesItems = true
    else if (this.#last !== NONE && ++this.#distinct === DISTINCT) this.#reusesItems ??= false
    this.#last = item
    if (this.#reusesItems !== false && isObject(item)) this.#deliver()
  }

  #deliver(): void {
    const items = this.#items
    this.#items = []
    if (items.length > 0 && !this.#isClosed) this.#listener.onItems(items)
  }

  /** The source has ended by itself: its return() is not called. */
  #end(failure?: { error: unknown }): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#deliver()
    this.#listener.onEnd(failure)
  }

  #finishRead(): void {
    this.#isReading = false
    this.#deliver()
  }

  /**
   * Stops reading, and calls return() of the source, as a `break` does.
   *
   * @returns settles when the source has closed: at once if next() has not answered yet, otherwise after 1 s at the
   *   latest. Rejects with what return() throws, and with TypeError if that gives no object
   */
  async close(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#isClosed = true
    this.#items = []
    const source = this.#source
    if (!source || this.#isInNext) return // called from within next(): return() is called after it
    const isOwing = this.#isPending
    const closing = this.#callReturn(source)
    closing.catch(() => {})
    if (!isOwing) await withinLimit(closing)
  }

  async #callReturn({ isAsync, iterator }: Source): Promise<void> {
    const method = iterator.return
    if (method === undefined || method === null) return
    const answer = call(method, iterator, 'return')
    const step = mustBeObject(isAsync ? await answer : answer, 'return()') as { value?: unknown }
    if (!isAsync) await step.value
  }
}

async function withinLimit(promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, RETURN_LIMIT_MS)
  })
  await Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}
