// Runs in: owner. The workers of a Pool and their chunks: starts workers if there is work, decides with scheduling.ts
// which worker gets a chunk, and runs chunks again that a dead worker had not begun.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { ResourceError } from '../../errors.js'
import { findNative } from '../../platform/native.js'
import { Memories } from '../../worker-channel/worker-memory.js'
import type { Call, Chunk, Receiver } from './chunk.js'
import { chunksOf } from './chunk-codec.js'
import { ChunkQueue } from './chunk-queue.js'
import { IdleTimers } from './idle-timers.js'
import { LoopHold } from './loop-hold.js'
import type { OutputStream } from './output-reader.js'
import { chunkRequeued, workerEnded, workerStarted } from './pool-diagnostics.js'
import type { WorkerSetListener } from './pool-events.js'
import { Meter, type PoolStats } from './pool-stats.js'
import { PoolWorker, type WorkerListener } from './pool-worker.js'
import type { OpenCall, Runner } from './results.js'
import { chunksToRunAgain } from './run-again.js'
import { type Limits, mayStartForTask, mostLoaded, nextAhead, nextFree, workersToStart } from './scheduling.js'
import { StartFailures } from './start-failures.js'
import { StartWaits } from './start-waits.js'
import type { WorkerEnd } from './worker-end.js'
import { brokenPool } from './worker-errors.js'
import type { WorkerOptions } from './worker-process.js'

/** How long a pool that closes keeps its workers for iterations that may bring more, in milliseconds. */
const LINGER_MS = 1_000

export interface WorkerSetOptions extends Limits {
  idleTimeout: number | undefined
  maxQueue: number
  worker: WorkerOptions
}

/** The workers of one pool. */
export class WorkerSet implements WorkerListener, Runner {
  readonly #options: WorkerSetOptions
  readonly #listener: WorkerSetListener
  readonly #queue = new ChunkQueue()
  readonly #memories: Memories | undefined
  readonly #workers = new Set<PoolWorker>()
  /** The workers that are or were ready. */
  readonly #announced = new Set<PoolWorker>()
  readonly #idle: IdleTimers<PoolWorker>
  readonly #lingering: IdleTimers<PoolWorker>
  /** Calls that may bring more chunks. */
  readonly #openCalls = new Set<OpenCall>()
  #lastId = 0
  readonly #failures = new StartFailures(() => this.#dispatch())
  readonly #startWaits = new StartWaits(this.#queue, () => this.#hasReady)
  /** Why no call is taken any more. */
  #closed: Error | undefined
  #isTerminated = false
  #onEmpty: (() => void)[] = []
  readonly #meter = new Meter()
  #wasFull = false
  #isDispatching = false
  #dispatchesAgain = false
  readonly #hold = new LoopHold((on) => {
    for (const worker of this.#workers) if (on || worker.isOpen) worker.holdLoop(on)
  })

  constructor(options: WorkerSetOptions, listener: WorkerSetListener) {
    this.#options = options
    this.#listener = listener
    this.#idle = new IdleTimers(options.idleTimeout, (worker) => {
      if (worker.load === 0 && this.#workers.size > options.minProcesses) worker.end()
    })
    this.#lingering = new IdleTimers(LINGER_MS, (worker) => {
      if (worker.load === 0 && worker.isOpen) worker.end()
    })
    const found = findNative()
    if ('native' in found) this.#memories = new Memories(found.native)
    this.#dispatch() // starts the workers of minProcesses
  }

  get stats(): PoolStats {
    return this.#meter.statsOf([...this.#workers])
  }

  /** Whether it takes no calls any more. */
  get isEnding(): boolean {
    return this.#closed !== undefined
  }

  get #hasReady(): boolean {
    for (const worker of this.#workers) if (worker.isOpen) return true
    return false
  }

  /** @throws ResourceError ERR_QUEUE_FULL */
  checkRoom(): void {
    const { maxQueue } = this.#options
    if (this.#meter.queued < maxQueue) return
    this.#wasFull = true
    const text = `${maxQueue} tasks wait already, as many as maxQueue allows.`
    throw new ResourceError('ERR_QUEUE_FULL', `${text} Wait for some of them, or for the event 'drain'.`)
  }

  checkOpen(): void {
    if (this.#closed) throw this.#closed
  }

  submit(call: Call, items: readonly unknown[], base: number, receiver: Receiver): void {
    const sharesMemory = this.#memories !== undefined && !this.#options.worker.isForOneTask
    // A getter of an item may give the call up, or terminate the pool.
    for (const chunk of chunksOf(call, items, { receiver, observer: this.#meter, base, sharesMemory })) {
      if (this.#isTerminated) chunk.fail(this.#closed)
      else if (call.isOver) chunk.forget()
      else this.#enqueue(chunk)
    }
  }

  #enqueue(chunk: Chunk): void {
    this.#hold.busy()
    this.#queue.push(chunk)
    this.#dispatch()
    chunk.keepBlocks((bytes) => Buffer.from(bytes))
    if (chunk.state === 'queued') this.#startWaits.watch(chunk)
  }

  began(call: OpenCall): void {
    this.#openCalls.add(call)
  }

  finished(call: OpenCall): void {
    if (this.#openCalls.delete(call)) this.#rest()
  }

  /** Forgets the chunks of a call that have not begun. With `error` it also ends those that have. */
  abandon(call: Call, error?: Error): void {
    call.isOver = true
    if (this.#isTerminated) return // what workers have fails when they end, and nobody would empty the queue again
    const isOfIt = (chunk: Chunk): boolean => chunk.call === call
    for (const chunk of this.#queue.remove(isOfIt)) chunk.forget()
    for (const worker of this.#workers) {
      for (let chunk: Chunk | undefined; (chunk = worker.revokeLast()); ) {
        if (isOfIt(chunk)) chunk.forget()
        else this.#putBack(chunk)
      }
      if (error) worker.giveUp(call, error)
    }
    this.#dispatch()
  }

  #putBack(chunk: Chunk): void {
    this.#queue.unshift(chunk)
    this.#startWaits.watch(chunk)
  }

  /** Takes no more calls, and ends the workers when all is done. */
  close(reason: Error): void {
    this.#hold.busy()
    this.#closed ??= reason
    this.#dispatch()
  }

  /** Ends the workers now. Tasks that are not done fail with the reason. */
  terminate(reason: Error): void {
    this.#hold.busy()
    this.#closed ??= reason
    this.#isTerminated = true
    for (const chunk of this.#queue.remove()) chunk.fail(reason)
    for (const worker of this.#workers) worker.kill(reason)
    for (const call of this.#openCalls) call.stop(reason)
    this.#tellEmpty()
  }

  /** Settles when there is no worker left, and nothing to do. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve)
      this.#tellEmpty()
    })
  }

  onReady(worker: PoolWorker): void {
    this.#failures.ready()
    if (!this.#announced.has(worker)) {
      this.#announced.add(worker)
      workerStarted(worker)
      this.#listener.onWorkerStart(worker)
    }
    if (worker.load === 0 && (worker.taken >= this.#options.maxTasksPerChild || worker.isSpent)) worker.end()
    this.#dispatch()
  }

  onRun(chunk: Chunk, milliseconds: number): void {
    this.#failures.worked()
    this.#meter.ran(chunk, milliseconds)
  }

  onOutput(worker: PoolWorker, bytes: Buffer, stream: OutputStream): void {
    this.#listener.onOutput(worker, bytes, stream)
  }

  onServerClosed(): void {
    this.#rest()
  }

  onEnd(worker: PoolWorker, end: WorkerEnd): void {
    const { neverReady, isUnused } = end
    this.#workers.delete(worker)
    this.#meter.workerEnded(worker.id)
    workerEnded(worker, end)
    if (this.#announced.delete(worker)) this.#listener.onWorkerEnd(worker, end)
    this.#idle.stop(worker)
    this.#lingering.stop(worker)
    for (const chunk of chunksToRunAgain(end).reverse()) {
      this.#meter.rescheduled += chunk.size
      if (this.#isTerminated) chunk.fail(this.#closed)
      else this.#putBack(chunk)
      if (chunk.state === 'queued') chunkRequeued(chunk, worker.pool, end.errorOf())
    }
    const hasOthers = this.#workers.size > 0
    const givesUp =
      (neverReady && this.#failures.failed(end.errorOf(), { hasOthers })) ||
      (isUnused && this.#failures.unused({ isWanted: this.#queue.length > 0 }))
    if (givesUp && !this.#isTerminated) this.terminate(brokenPool(end.errorOf())) // tasks that wait would wait for ever
    this.#dispatch()
    this.#tellEmpty()
  }

  #tellEmpty(): void {
    if (this.#workers.size > 0 || (!this.#isTerminated && this.#queue.length > 0)) return
    if (this.isEnding) this.#memories?.close()
    for (const resolve of this.#onEmpty.splice(0)) resolve()
  }

  #startWorker(chunk?: Chunk): void {
    const worker = new PoolWorker(++this.#lastId, this, this.#options.worker)
    this.#workers.add(worker)
    this.#meter.workerStarted(worker.id)
    worker.start(this.#memories, chunk)
  }

  /** Does not run within itself: a call from one of its own steps makes it run once more. */
  #dispatch(): void {
    this.#dispatchesAgain = true
    if (this.#isDispatching) return
    this.#isDispatching = true
    try {
      while (this.#dispatchesAgain) {
        this.#dispatchesAgain = false
        this.#handOut()
      }
    } finally {
      this.#isDispatching = false
    }
    this.#rest()
  }

  #handOut(): void {
    const [workers, queue, options] = [this.#workers, this.#queue, this.#options]
    const mayStart = !this.#failures.isPaused && !this.#isTerminated
    if (options.worker.isForOneTask) {
      while (mayStart && queue.length > 0 && mayStartForTask(workers, options)) this.#startWorker(queue.shift())
      return this.#tellDrain()
    }
    for (let worker: PoolWorker | undefined; queue.length > 0 && (worker = nextFree(workers, options)); )
      this.#give(worker, queue.shift()!)
    const situation = { queued: queue.length, isEnding: this.isEnding }
    const missing = mayStart ? workersToStart(workers, options, situation) : 0
    for (let started = 0; started < missing; started++) this.#startWorker()
    for (let worker: PoolWorker | undefined; queue.length > 0 && (worker = nextAhead(workers, options)); ) {
      const chunk = queue.shift()!
      if (chunk.call.timeout !== undefined) {
        queue.unshift(chunk) // its time limit would run before it begins
        break
      }
      this.#give(worker, chunk)
    }
    if (queue.length === 0) this.#rebalance()
    this.#tellDrain()
  }

  #tellDrain(): void {
    if (!this.#wasFull || this.#meter.queued >= this.#options.maxQueue) return
    this.#wasFull = false
    this.#listener.onDrain()
  }

  #give(worker: PoolWorker, chunk: Chunk): void {
    this.#idle.stop(worker)
    this.#lingering.stop(worker)
    worker.send(chunk)
  }

  /** Nothing waits in the queue: an idle worker takes a chunk that was sent ahead to another one. */
  #rebalance(): void {
    for (let free: PoolWorker | undefined; (free = nextFree(this.#workers, this.#options)); ) {
      const chunk = mostLoaded(this.#workers)?.revokeLast()
      if (!chunk) return
      this.#give(free, chunk)
    }
  }

  /** Workers without work wait, or leave. */
  #rest(): void {
    let isIdle = this.#queue.length === 0
    for (const { load } of this.#workers) isIdle &&= load === 0
    if (isIdle && !this.isEnding) this.#hold.idle()
    for (const worker of this.#workers) {
      if (worker.load > 0 || !worker.isOpen) continue
      if (!isIdle || !(this.isEnding || worker.isLeaving)) this.#idle.start(worker)
      else if (this.#openCalls.size === 0) worker.end()
      else this.#lingering.start(worker) // an iteration that nobody reads, or whose input is idle, keeps no worker
    }
    if (isIdle && this.isEnding) this.#tellEmpty()
  }
}
