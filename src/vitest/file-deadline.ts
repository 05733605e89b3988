// Runs in: owner. Ends a test file that runs too long. vitest's own limits need a turn of the event loop of the process
// that runs the file, which an endless loop does not give.
import { EventEmitter } from 'node:events'
import { ChildError } from '../errors.js'
import { clearTimeout, setTimeout, wallClock } from '../platform/timers.js'
import { isCall, type Message, type VitestWorker } from './vitest-types.js'

interface TestFile {
  id: string
  filepath: string
}

/** A test process whose files have a time limit: each of them, if it runs several (`isolate: false`). */
export class DeadlineWorker implements VitestWorker {
  readonly name: string
  readonly cacheFs = true
  readonly #worker: VitestWorker
  readonly #limitMs: number
  readonly #events = new EventEmitter()
  /** The paths of the files that have not begun. */
  readonly #waiting = new Set<string>()
  /** The file that runs, by its id. */
  readonly #unfinished = new Map<string, TestFile>()
  #isCollected = false
  #began = 0
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #end: Promise<void> | undefined

  /** @param limitMs how long a file may run, in milliseconds */
  constructor(worker: VitestWorker, limitMs: number) {
    this.name = worker.name
    this.#worker = worker
    this.#limitMs = limitMs
  }

  async start(): Promise<void> {
    await this.#worker.start()
    this.#worker.on('message', (message: Message) => this.#receive(message))
    for (const event of ['error', 'exit'])
      this.#worker.on(event, (...args: unknown[]) => {
        clearTimeout(this.#timer)
        if (!this.#isOver && this.#events.listenerCount(event) > 0) this.#events.emit(event, ...args)
      })
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await (this.#end ?? this.#worker.stop())
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  on(event: string, callback: (...args: any[]) => void): void {
    this.#events.on(event, callback)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  off(event: string, callback: (...args: any[]) => void): void {
    this.#events.off(event, callback)
  }

  send(message: Message): void {
    if (this.#isOver) {
      if (message.type === 'stop') this.#answer('stopped')
      return
    }
    if (message.type === 'run' || message.type === 'collect') this.#arm(message)
    this.#worker.send(message)
  }

  deserialize(data: unknown): unknown {
    return this.#worker.deserialize(data)
  }

  #arm(message: Message): void {
    this.#waiting.clear()
    for (const { filepath } of message.context?.files ?? []) this.#waiting.add(filepath)
    this.#beginFile()
  }

  /** The first file begins with the request, and each other when vitest is told that it was queued. */
  #beginFile(): void {
    clearTimeout(this.#timer)
    this.#unfinished.clear()
    this.#isCollected = false
    this.#began = wallClock.now()
    this.#timer = setTimeout(() => this.#expire(), this.#limitMs)
  }

  #receive(message: Message): void {
    if (this.#isOver) return
    if (message.type === 'testfileFinished') clearTimeout(this.#timer)
    if (isCall(message, 'onQueued')) {
      if (this.#unfinished.size > 0) this.#beginFile()
      this.#note([message.a[0] as TestFile])
    }
    if (isCall(message, 'onCollected')) {
      this.#note(message.a[0] as TestFile[])
      this.#isCollected = true
    }
    this.#events.emit('message', message)
  }

  #note(files: readonly TestFile[]): void {
    for (const file of files) {
      this.#unfinished.set(file.id, file)
      this.#waiting.delete(file.filepath)
    }
  }

  #expire(): void {
    const begun = [...this.#unfinished.values()].map(({ filepath }) => filepath)
    const files = begun.length > 0 ? begun.join(', ') : [...this.#waiting].join(', ')
    const text =
      `${files} ran for more than ${this.#limitMs} ms (fileTimeout of forkserverPool()), and its process ` +
      'was killed. It may be in an endless loop. If it only needs longer, raise fileTimeout.'
    const error = new ChildError('ERR_TIMEOUT', text, {})
    this.#isOver = true
    this.#end = this.#worker.stop()
    if (this.#unfinished.size === 0) {
      this.#events.emit('error', error)
      return
    }
    const { name, message, code } = error
    const result = {
      state: 'fail',
      startTime: this.#began,
      duration: wallClock.now() - this.#began,
      errors: [{ name, message, code, stack: `${name}: ${message}` }],
    }
    const ids = [...this.#unfinished.keys()]
    const event = this.#isCollected ? 'suite-finished' : 'suite-failed-early'
    const packs = ids.map((id) => [id, result, {}])
    const events = ids.map((id) => [id, event, undefined])
    this.#events.emit('message', { t: 'q', m: 'onTaskUpdate', a: [packs, events] })
    if (this.#waiting.size === 0) this.#answer('testfileFinished')
    else this.#events.emit('error', new ChildError('ERR_TIMEOUT', this.#notRun(files), {}))
  }

  #notRun(files: string): string {
    return (
      `${[...this.#waiting].join(', ')} did not run: the process that they share with ${files} (isolate: false) was ` +
      'killed after fileTimeout.'
    )
  }

  #answer(type: string): void {
    this.#events.emit('message', { __vitest_worker_response__: true, type })
  }
}
