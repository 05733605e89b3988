// Runs in: owner. The workers of a Pool and who gets which chunk: starts workers when there is work, gives, takes back, and runs again
// what a dead worker had not begun.
import { ChildError, ResourceError } from '../../errors.js'
import { findNative } from '../../platform/native.js'
import { Memories } from '../../worker-channel/worker-memory.js'
import { type Call, type Chunk, failChunk, partOf, withCopies } from './chunk.js'
import { ChunkQueue } from './chunk-queue.js'
import { IdleTimers } from './idle-timers.js'
import { LoopHold } from './loop-hold.js'
import type { OutputStream } from './output-reader.js'
import { Meter, type PoolStats, residentBytes } from './pool-stats.js'
import { PoolWorker, type WorkerEnd, type WorkerListener, type WorkerOptions } from './pool-worker.js'
import { type Limits, mostLoaded, nextAhead, nextFree, workersToHire } from './scheduling.js'
import { Hiring, MAX_STILLBORN } from './start-failures.js'

export interface CrewOptions extends Limits {
  idleTimeout: number | undefined
  maxQueue: number
  worker: WorkerOptions
}

/** What a crew tells its pool. */
export interface CrewListener {
  onWorkerStart(worker: PoolWorker): void
  onWorkerEnd(worker: PoolWorker, end: WorkerEnd): void
  onOutput(worker: PoolWorker, bytes: Buffer, stream: OutputStream): void
  /** The queue was full, and has room again. */
  onDrain(): void
}

/** The workers of one pool. */
export class Crew implements WorkerListener {
  readonly #options: CrewOptions
  readonly #listener: CrewListener
  readonly #queue = new ChunkQueue()
  readonly #memories: Memories | undefined
  readonly #workers = new Set<PoolWorker>()
  /** Those that took tasks. */
  readonly #met = new Set<PoolWorker>()
  readonly #idle: IdleTimers<PoolWorker>
  /** Calls that may hand in more chunks. */
  readonly #calls = new Set<Call>()
  #lastId = 0
  readonly #hiring = new Hiring(() => this.#dispatch())
  /** Why nothing is taken any more. */
  #closed: Error | undefined
  #isEnding = false
  #isTerminated = false
  #onEmpty: (() => void)[] = []
  readonly #meter = new Meter()
  #wasFull = false
  readonly #hold = new LoopHold((on) => {
    for (const worker of this.#workers) if (on || worker.isOpen) worker.holdLoop(on)
  })

  constructor(options: CrewOptions, listener: CrewListener) {
    this.#options = options
    this.#listener = listener
    this.#idle = new IdleTimers(options.idleTimeout, (worker) => {
      if (worker.load === 0 && this.#workers.size > options.minProcesses) worker.end()
    })
    const found = findNative()
    if ('native' in found) this.#memories = new Memories(found.native)
  }

  get stats(): PoolStats {
    const workers = [...this.#workers]
    return {
      queued: this.#queue.tasks,
      running: workers.reduce((sum, worker) => sum + worker.running, 0),
      completed: this.#meter.completed,
      failed: this.#meter.failed,
      ...this.#meter.times,
      workers: workers.map(({ id, pid, taken }) => ({ id, pid, tasks: taken, memory: residentBytes(pid) })),
    }
  }

  /** Whether it takes nothing any more. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** @throws ResourceError ERR_QUEUE_FULL */
  checkRoom(): void {
    const { maxQueue } = this.#options
    if (this.#queue.tasks < maxQueue) return
    this.#wasFull = true
    const text = `${maxQueue} tasks wait already, as many as maxQueue allows. Wait for some of them, or for the event 'drain'.`
    throw new ResourceError('ERR_QUEUE_FULL', text)
  }

  /** @throws the reason, where the pool takes nothing any more */
  checkOpen(): void {
    if (this.#closed) throw this.#closed
  }

  /** Takes a chunk, and sees that it is run. */
  submit(chunk: Chunk): void {
    if (this.#isTerminated) return failChunk(chunk, this.#closed!)
    this.#hold.busy()
    const isKept = this.#queue.length > 0 || chunk.retries > 0 || !this.#takerOf(chunk)
    this.#queue.push(this.#meter.counted(isKept ? withCopies(chunk) : chunk))
    this.#dispatch()
  }

  /** Who gets it at once. */
  #takerOf(chunk: Chunk): PoolWorker | undefined {
    const free = nextFree(this.#workers, this.#options)
    return free ?? (chunk.call.timeout === undefined ? nextAhead(this.#workers, this.#options) : undefined)
  }

  /** Whether large buffers travel beside the items of its chunks. */
  get sharesMemory(): boolean {
    return this.#memories !== undefined
  }

  /** More chunks of this call may come: close() waits for them. */
  began(call: Call): void {
    this.#calls.add(call)
  }

  /** No more chunks of this call come. */
  finished(call: Call): void {
    if (this.#calls.delete(call)) this.#rest()
  }

  /** Starts the workers that shall always be there. */
  open(): void {
    this.#dispatch()
  }

  /** Forgets what has not begun of a call; `error` also kills the workers that have begun some of it. */
  abandon(call: Call, error?: Error): void {
    call.isOver = true
    this.#queue.remove(call)
    const isOfIt = (chunk: Chunk): boolean => chunk.call === call
    for (const worker of this.#workers) {
      for (let chunk: Chunk | undefined; (chunk = worker.revokeLast()); ) if (!isOfIt(chunk)) this.#queue.unshift(chunk)
      if (error) worker.giveUp(isOfIt, error)
    }
    this.#dispatch()
  }

  /** Takes nothing any more, and ends the workers when all is done. */
  close(reason: Error): void {
    this.#hold.busy()
    this.#closed ??= reason
    this.#isEnding = true
    this.#dispatch()
  }

  /** Ends the workers now; what is left fails with the reason. */
  terminate(reason: Error): void {
    this.#hold.busy()
    this.#closed ??= reason
    this.#isEnding = true
    this.#isTerminated = true
    for (const chunk of this.#queue.remove()) failChunk(chunk, reason)
    for (const worker of this.#workers) worker.kill(reason)
    this.#tellEmpty()
  }

  /** Settles when there is no worker left. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve)
      this.#tellEmpty()
    })
  }

  onReady(worker: PoolWorker): void {
    this.#hiring.succeeded()
    if (!this.#met.has(worker)) {
      this.#met.add(worker)
      this.#listener.onWorkerStart(worker)
    }
    if (worker.load === 0 && (worker.taken >= this.#options.maxTasksPerChild || worker.isSpent)) worker.end()
    this.#dispatch()
  }

  onRun(chunk: Chunk, milliseconds: number): void {
    this.#meter.ran(chunk, milliseconds)
  }

  onOutput(worker: PoolWorker, bytes: Buffer, stream: OutputStream): void {
    this.#listener.onOutput(worker, bytes, stream)
  }

  onEnd(worker: PoolWorker, end: WorkerEnd): void {
    const { error, neverReady, begun, unbegun } = end
    this.#workers.delete(worker)
    this.#meter.workerEnded(worker.id)
    if (this.#met.delete(worker)) this.#listener.onWorkerEnd(worker, end)
    this.#idle.stop(worker)
    for (const chunk of unbegun.reverse()) this.#requeue(chunk)
    for (const chunk of begun) this.#failBegun(chunk, error)
    const hasOthers = this.#workers.size > 0
    if (neverReady && !this.#isTerminated && this.#hiring.failed(error, { hasOthers })) this.#break(error)
    this.#dispatch()
    this.#tellEmpty()
  }

  #requeue(chunk: Chunk): void {
    if (chunk.call.isOver) return
    if (this.#isTerminated) failChunk(chunk, this.#closed!)
    else this.#queue.unshift(chunk)
  }

  #failBegun(chunk: Chunk, error: Error): void {
    const isRetried =
      chunk.retries > 0 && error instanceof ChildError && error.code === 'ERR_CHILD_DIED' && !chunk.call.isOver
    for (let item = chunk.end - 1; item >= chunk.first; item--) {
      if (isRetried) this.#requeue(partOf(chunk, item, item + 1, chunk.retries - 1))
      else chunk.settle(item, { error })
    }
  }

  /** Workers do not come up: whatever waits, waits for ever. */
  #break(cause: Error): void {
    const text = `${MAX_STILLBORN} workers in a row ended before they took a task. The last one: ${cause.message} Mend that, then make a new pool.`
    this.terminate(new ChildError('ERR_POOL_BROKEN', text, { pid: undefined }, { cause }))
  }

  #tellEmpty(): void {
    if (this.#workers.size > 0 || (!this.#isTerminated && (this.#queue.length > 0 || this.#calls.size > 0))) return
    if (this.#isEnding) this.#memories?.close()
    for (const resolve of this.#onEmpty.splice(0)) resolve()
  }

  #hire(): void {
    const worker = new PoolWorker(++this.#lastId, this, this.#options.worker, this.#memories)
    this.#workers.add(worker)
    this.#meter.workerStarted(worker.id)
    void worker.start()
  }

  #dispatch(): void {
    const workers = this.#workers
    for (let worker: PoolWorker | undefined; this.#queue.length > 0 && (worker = nextFree(workers, this.#options)); ) {
      this.#give(worker, this.#queue.shift()!)
    }
    const situation = { queued: this.#queue.length, isEnding: this.#isEnding }
    const missing = this.#hiring.isPaused ? 0 : workersToHire(workers, this.#options, situation)
    for (let hired = 0; hired < missing; hired++) this.#hire()
    for (let worker: PoolWorker | undefined; this.#queue.length > 0 && (worker = nextAhead(workers, this.#options)); ) {
      const chunk = this.#queue.shift()!
      if (chunk.call.timeout !== undefined) {
        this.#queue.unshift(chunk) // its time would run before it begins
        break
      }
      this.#give(worker, chunk)
    }
    if (this.#queue.length === 0) this.#rebalance()
    if (this.#wasFull && this.#queue.tasks < this.#options.maxQueue) {
      this.#wasFull = false
      this.#listener.onDrain()
    }
    this.#rest()
  }

  #give(worker: PoolWorker, chunk: Chunk): void {
    this.#idle.stop(worker)
    worker.send(chunk)
  }

  /** Nothing waits: an idle worker takes what another one was sent ahead and has not begun. */
  #rebalance(): void {
    for (let free: PoolWorker | undefined; (free = nextFree(this.#workers, this.#options)); ) {
      const chunk = mostLoaded(this.#workers)?.revokeLast()
      if (!chunk) return
      this.#give(free, chunk)
    }
  }

  /** Workers without work: they wait, or go. */
  #rest(): void {
    let isIdle = this.#queue.length === 0
    for (const { load } of this.#workers) isIdle &&= load === 0
    const isDone = isIdle && this.#isEnding && this.#calls.size === 0
    if (isIdle && !this.#isEnding) this.#hold.idle()
    for (const worker of this.#workers) {
      if (worker.load > 0 || !worker.isOpen) continue
      if (isDone) worker.end()
      else this.#idle.start(worker)
    }
    if (isDone) this.#tellEmpty()
  }
}
