// Runs in: owner. One worker of a Pool: a process, the chunks that it was sent, and what is known of them when it ends.
import { performance } from '../../platform/timers.js'
import { decodeValue, encodeValue } from '../../wire/values/clone.js'
import { encodeThrown } from '../../wire/values/thrown.js'
import type { SentBlock } from '../../wire/worker/block-table.js'
import { Ledger } from '../../wire/worker/ledger.js'
import {
  decodeProgress,
  decodeResults,
  decodeWrote,
  encodeAbort,
  encodeBare,
  encodeFunction,
  encodeRun,
  workerMessageOf,
} from '../../wire/worker/worker-messages.js'
import type { Memories } from '../../worker-channel/worker-memory.js'
import type { Exit } from '../launch/exit.js'
import { type Assignment, Assignments } from './assignments.js'
import type { Call, Chunk } from './chunk.js'
import { type OneTask, oneTaskOf, settleChunk } from './chunk-codec.js'
import { type DeadlineListener, Deadlines } from './deadlines.js'
import { FunctionIds } from './function-ids.js'
import type { OutputStream, OutputTaker } from './output-reader.js'
import { chunkAnswered, chunkSent, chunksLost, chunkTakenBack } from './pool-diagnostics.js'
import { MemoryLimit } from './pool-stats.js'
import { Pace } from './scheduling.js'
import { TaskOutput } from './task-output.js'
import type { WorkerEnd } from './worker-end.js'
import { endErrors, isAsked, refusalOf, wrongChunk } from './worker-errors.js'
import type { Link } from './worker-link.js'
import { type WorkerOptions, WorkerProcess, type WorkerProcessListener } from './worker-process.js'

/** What a worker reports to its set. */
export interface WorkerListener {
  /** It takes tasks now, or it has finished a chunk. */
  onReady(worker: PoolWorker): void
  onEnd(worker: PoolWorker, end: WorkerEnd): void
  /** A chunk of it is done, and ran this long. */
  onRun(chunk: Chunk, milliseconds: number): void
  /** Its server closes: it is to leave when it has nothing to do. */
  onServerClosed(): void
  /** It has written output that no call takes. */
  onOutput(worker: PoolWorker, bytes: Buffer, stream: OutputStream): void
}

/** One worker. */
export class PoolWorker implements WorkerProcessListener, DeadlineListener {
  readonly #listener: WorkerListener
  readonly #options: WorkerOptions
  readonly #functions = new FunctionIds((id, { module, name }) =>
    this.#process.channel!.send(encodeFunction(id, module, name)),
  )
  readonly #process: WorkerProcess
  #link: Link | undefined
  #sent = new Assignments(new Ledger())
  readonly #deadlines: Deadlines
  #output: TaskOutput | undefined
  #isReady = false
  #hasAnswered = false
  /** The call whose task made the pool kill it, or ask it to stop. */
  #culprit: Call | undefined
  /** It did not come to chunks that it was sent ahead: it gets no more of them before its next answer. */
  #isSlow = false
  /** It is older than the template of its server. */
  #isStale = false
  readonly #pace = new Pace()
  readonly #memoryLimit: MemoryLimit
  /** When it was started, by performance.now(). */
  readonly since = performance.now()
  /** Tasks that it was given in all. */
  taken = 0
  /** It takes no more tasks. */
  isEnding = false
  /** Its server closes: it is to leave when it has nothing to do. */
  isLeaving = false

  /** @param id its number in the pool */
  constructor(
    readonly id: number,
    listener: WorkerListener,
    options: WorkerOptions,
  ) {
    this.#listener = listener
    this.#options = options
    this.#process = new WorkerProcess(id, options.process, this)
    this.#deadlines = new Deadlines(this, options.gracePeriod)
    this.#memoryLimit = new MemoryLimit(options.maxMemory)
  }

  /** The name of its pool. */
  get pool(): string | undefined {
    return this.#options.process.setup.name
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Tasks that it has and has not answered. */
  get running(): number {
    return this.#sent.tasks
  }

  /** Whether it is to be replaced: it uses more memory than it may, or its server was restarted. */
  get isSpent(): boolean {
    return this.#isStale || this.#memoryLimit.isOver(this.pid)
  }

  /** Chunks that it has and has not answered. */
  get load(): number {
    return this.#sent.length
  }

  /** Whether it can be sent something. */
  get isOpen(): boolean {
    return this.#isReady && !this.isEnding && !this.#process.isDoomed
  }

  /**
   * Whether a chunk may be sent ahead. It must be possible to revoke it, because it could
   * otherwise wait for a long task.
   */
  get takesAhead(): boolean {
    const isHeld = this.#isSlow || this.isSpent || this.#deadlines.isRunning
    return this.isOpen && this.load < this.#pace.depth && this.#link!.sharesMemory && !isHeld
  }

  /**
   * Starts the process; onReady or onEnd follows.
   *
   * @param chunk of a worker for one task: its task
   */
  start(memories: Memories | undefined, chunk?: Chunk): void {
    this.#process.start(memories, chunk && this.#taskOf(chunk))
  }

  onLink(link: Link): void {
    this.#link = link
    if (!this.#options.isForOneTask) this.#sent = new Assignments(link.ledger)
    this.#output = new TaskOutput(link.ledger, this.#sent, (...part) => this.#listener.onOutput(this, ...part))
  }

  readonly onWritten: OutputTaker = (...part) => this.#output?.take(...part)

  onServerClosed(): void {
    this.isLeaving = true
    this.holdLoop(true)
    this.#listener.onServerClosed()
  }

  onStale(): void {
    this.#isStale = true
    if (this.isOpen) this.#listener.onReady(this)
  }

  onFailure(error: Error): void {
    this.kill(error)
  }

  onGone(): void {} // the end of its process follows

  onMessage(payload: Buffer): void {
    switch (workerMessageOf(payload, 'worker to owner')) {
      case 'ready':
        this.#isReady = true
        this.#process.ready()
        this.#stopTimers()
        for (const sent of this.#sent.all) this.#begin(sent)
        break
      case 'refused':
        return this.#process.refuse(refusalOf(payload.subarray(1), this.pid))
      case 'progress':
        return this.#takeProgress(payload)
      case 'wrote':
        return this.#answerOutput(payload)
      case 'results':
        this.#takeResults(payload)
    }
    this.#listener.onReady(this)
  }

  #takeResults(payload: Buffer): void {
    const { chunk: id, milliseconds, body, blocks } = decodeResults(payload)
    const sent = this.#sent.answer(id) ?? wrongChunk(this.pid, id)
    this.#isSlow = false
    this.#hasAnswered = true
    this.#stopTimers()
    const { chunk } = sent
    this.#pace.note(milliseconds)
    const link = this.#link!
    if (this.#options.isForOneTask) this.#answeredOnce()
    link.blocks?.out.settle(sent.blocks)
    settleChunk(chunk, { body, blocks: () => link.takeBlocks(blocks) }, `worker ${this.pid}`)
    chunk.receiver.measured?.(milliseconds / chunk.size)
    chunkAnswered(sent, milliseconds)
    this.#listener.onRun(chunk, milliseconds)
  }

  /** A worker for one task does not ask whether its output is read, and its job has no result but this. */
  #answeredOnce(): void {
    this.#link!.output?.drain()
    this.#process.answered()
  }

  #answerOutput(payload: Buffer): void {
    this.#link!.output?.drain()
    this.#output?.ended(decodeWrote(payload))
    this.#process.channel?.send(encodeBare('read'))
  }

  #stopTimers(): void {
    this.#deadlines.done({ isOwing: this.#sent.find(({ isGivenUp }) => isGivenUp) !== undefined })
  }

  #takeProgress(payload: Buffer): void {
    const { chunk: id, item, body } = decodeProgress(payload)
    const sent = this.#sent.find((one) => one.id === id)
    if (!sent || item < sent.chunk.first || item >= sent.chunk.end) return wrongChunk(this.pid, id)
    if (sent.chunk.state === 'settled' || sent.chunk.call.isOver) return
    sent.chunk.call.onProgress?.(decodeValue(body), sent.chunk.base + item)
  }

  /** Sends a chunk. */
  send(chunk: Chunk): void {
    const { call, first, end, items, size } = chunk
    const functionId = this.#functions.of(call.reference)
    const sent = this.#sent.add(chunk)
    this.taken += size
    const message = { chunk: sent.id, slot: sent.slot, functionId, first, end, spread: call.spread }
    sent.blocks = chunk.blocks.map((bytes) => this.#link!.blocks!.out.write(bytes))
    const run = encodeRun({ ...message, blocks: sent.blocks, listens: call.onProgress !== undefined })
    this.#process.channel!.send(run, items, { mayWait: this.#pace.isQuick })
    this.#begin(sent)
  }

  /** The worker has a chunk, and can begin it. */
  #begin(sent: Assignment): void {
    chunkSent(this, sent)
    const { timeout } = sent.chunk.call
    if (timeout !== undefined) this.#deadlines.begin(sent, timeout)
  }

  #taskOf(chunk: Chunk): OneTask {
    const { timeout } = chunk.call
    const sent = this.#sent.add(chunk)
    this.taken += chunk.size
    if (timeout !== undefined) this.#deadlines.await(sent, timeout)
    return oneTaskOf(chunk, sent.id)
  }

  /** Takes the last chunk back that it has not begun. */
  revokeLast(): Chunk | undefined {
    const { last } = this.#sent
    const chunk = this.#sent.revokeLast(this.#takeBack)
    if (!chunk) return undefined
    chunkTakenBack(last!)
    this.#isSlow = true // its slot is freed only when the worker reads the message, so slots would run out
    this.taken -= chunk.size
    return chunk
  }

  /**
   * Nobody waits for this call any more. The worker has to stop its chunks, and is killed if it has
   * not after the grace period.
   */
  giveUp(call: Call, error: Error): void {
    const isOfIt = ({ chunk, isGivenUp }: Assignment): boolean => !isGivenUp && chunk.call === call
    for (let sent: Assignment | undefined; (sent = this.#sent.find(isOfIt)); ) this.#stop(sent, error)
  }

  /** The worker itself is not to blame, and neither are other tasks that it has begun. */
  #stop(sent: Assignment, error: Error): void {
    sent.isGivenUp = true
    this.#culprit = sent.chunk.call
    if (this.#options.gracePeriod === 0) return this.kill(error)
    this.#process.channel!.send(encodeAbort(sent.id), encodeValue(encodeThrown(error), 'thrown'))
    this.#deadlines.giveGrace(error)
  }

  readonly #takeBack = (block: SentBlock): Uint8Array => this.#link!.blocks!.out.takeBack(block)

  /** Sets whether it keeps the event loop running. At first it does. */
  holdLoop(on: boolean): void {
    this.#process.holdLoop(on || this.isLeaving) // the close() of its server waits for it
  }

  /** Lets it finish the chunks that it has, and leave. */
  end(): void {
    if (this.isEnding) return
    this.isEnding = true
    this.holdLoop(true) // so that its teardown can finish
    if (!this.#options.isForOneTask) this.#process.channel!.send(encodeBare('end'))
    this.#process.leaving()
  }

  /** Ends it now. The tasks that it has begun fail with this error, unless it is for the task of another call. */
  kill(error: Error): void {
    this.#process.kill(error)
  }

  onLate(sent: Assignment, error: Error): void {
    sent.chunk.begun() // its time limit is over, whether the worker came to it or not
    if (!this.#isReady) sent.chunk.fail(error) // its process may not even exist, and nobody knows when that ends
    this.#stop(sent, error)
    if (this.#options.gracePeriod > 0) sent.chunk.fail(error)
  }

  onOver(reason: Error | undefined, exit: Exit | undefined): void {
    const memoryLimit = this.#options.process.limits?.memory
    const { thrown } = this.#process
    const [isReady, culprit, chunk] = [this.#isReady, this.#culprit, this.#sent.first?.chunk]
    const errorOf = endErrors({ pid: this.pid, exit, reason, thrown, isReady, culprit, chunk, memoryLimit })
    const diedByItself = reason === undefined && !this.isEnding
    this.isEnding = true
    this.#link?.output?.drain()
    // If the pool itself ended it because of one task, the tasks behind that one are not to blame.
    const lost = this.#sent.all
    const remains = this.#sent.split(
      { isReady: this.#isReady, countsLosses: !reason || !isAsked(reason) },
      this.#takeBack,
    )
    if (lost.length > 0) chunksLost(lost, remains.unbegun, errorOf())
    this.#stopTimers()
    const isUnused = diedByItself && this.#isReady && !this.#hasAnswered && remains.begun.length === 0
    const neverReady = !this.#isReady && !this.#culprit
    this.#listener.onEnd(this, { errorOf, exit, neverReady, isUnused, ...remains })
  }
}
