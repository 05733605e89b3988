// Runs in: owner. One worker of a Pool: a process, the chunks that it was sent, and what is known of them when it ends.
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
  WORKER_MODULE,
  type WorkerSetup,
  workerMessageOf,
} from '../../wire/worker/worker-messages.js'
import type { Channel, ChannelListener } from '../../worker-channel/worker-channel.js'
import type { Memories } from '../../worker-channel/worker-memory.js'
import type { Exit } from '../launch/exit.js'
import { type Reference, remote } from '../naming/remote.js'
import { Process } from '../process/process.js'
import type { ProcessOptions } from '../process/process-options.js'
import { type Assignment, Assignments, type Remains } from './assignments.js'
import { type Chunk, failChunk, settleChunk } from './chunk.js'
import { type DeadlineListener, Deadlines } from './deadlines.js'
import type { OutputStream } from './output-reader.js'
import { MemoryLimit } from './pool-stats.js'
import { Pace } from './scheduling.js'
import { TaskOutput } from './task-output.js'
import { deathOf, isBreach, refusalOf, wrongChunk } from './worker-errors.js'
import { Link } from './worker-link.js'

const worker = remote<{ work: (setup: WorkerSetup) => Promise<void> }>(WORKER_MODULE)

/** How a worker's life ends, and what it leaves. */
export interface WorkerEnd extends Remains {
  /** Why: what a task of it fails with. */
  error: Error
  /** How its process ended, where there was one. */
  exit: Exit | undefined
  /** Whether it ended before it took its first task. */
  neverReady: boolean
}

/** What a worker tells the set of workers. */
export interface WorkerListener {
  /** It takes tasks now, or it has finished a chunk. */
  onReady(worker: PoolWorker): void
  onEnd(worker: PoolWorker, end: WorkerEnd): void
  /** A chunk of it ran so long. */
  onRun(chunk: Chunk, milliseconds: number): void
  /** It has written what no call takes. */
  onOutput(worker: PoolWorker, bytes: Buffer, stream: OutputStream): void
}

/** The options of a worker's process. */
export type WorkerOptions = Omit<ProcessOptions, 'stdio' | 'timeout' | 'signal' | 'detached'> & {
  streams: 'inherit' | 'ignore' | 'capture'
  /** It takes no more chunks when it has more bytes of memory than this. */
  maxMemory: number
  /** So long a task that nobody waits for any more may take to stop, in milliseconds; 0: it is killed at once. */
  gracePeriod: number
  setup: Omit<WorkerSetup, 'sharesMemory' | 'isCaptured' | 'id'>
}

/** One worker. */
export class PoolWorker implements ChannelListener, DeadlineListener {
  readonly #listener: WorkerListener
  readonly #options: WorkerOptions
  readonly #memories: Memories | undefined
  readonly #functions = new Map<Reference, number>()
  #process: Process | undefined
  #channel: Channel | undefined
  #link: Link | undefined
  #sent = new Assignments(new Ledger())
  readonly #deadlines: Deadlines
  #output: TaskOutput | undefined
  /** Why it is being killed, where it is. */
  #verdict: Error | undefined
  #isReady = false
  /** It was sent chunks ahead and did not come to them: it gets no more before its next answer. */
  #isSlow = false
  readonly #pace = new Pace()
  readonly #memoryLimit: MemoryLimit
  /** Tasks that it was given in all. */
  taken = 0
  /** It takes no more tasks. */
  isEnding = false

  /**
   * @param id its number in the pool
   * @param memories where this process has the addon: without, the channel is a socket, and nothing is known of a dead worker's tasks
   */
  constructor(
    readonly id: number,
    listener: WorkerListener,
    options: WorkerOptions,
    memories: Memories | undefined,
  ) {
    this.#listener = listener
    this.#options = options
    this.#deadlines = new Deadlines(this, options.gracePeriod)
    this.#memoryLimit = new MemoryLimit(options.maxMemory)
    this.#memories = memories
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Tasks that it has and has not answered. */
  get running(): number {
    return this.#sent.tasks
  }

  /** Whether it has more memory than it may have, and is to be replaced. */
  get isSpent(): boolean {
    return this.#memoryLimit.isOver(this.pid)
  }

  /** Chunks that it has and has not answered. */
  get load(): number {
    return this.#sent.length
  }

  /** Whether it can be sent something. */
  get isOpen(): boolean {
    return this.#isReady && !this.isEnding && this.#verdict === undefined
  }

  /** Whether a chunk may be sent ahead: only what can be revoked, so that nothing waits behind a task that takes long. */
  get takesAhead(): boolean {
    const isHeld = this.#isSlow || this.isSpent || this.#deadlines.isRunning
    return this.isOpen && this.load < this.#pace.depth && this.#link!.sharesMemory && !isHeld
  }

  /** Starts the process; onReady or onEnd follows. */
  async start(): Promise<void> {
    const { streams, setup, gracePeriod, maxMemory, ...options } = this.#options
    try {
      const link = (this.#link = new Link(this.#memories, streams))
      const sent = (this.#sent = new Assignments(link.ledger))
      this.#output = new TaskOutput(link.ledger, sent, (...part) => this.#listener.onOutput(this, ...part))
      this.#process = new Process(
        worker.work,
        [{ ...setup, id: this.id, sharesMemory: link.sharesMemory, isCaptured: link.output !== undefined }],
        { ...options, stdio: link.stdio },
      )
      this.#process.result.catch((error) => isBreach(error) && this.kill(error)) // of all others its end tells
      await this.#process.start()
      this.#channel = link.connect(this.#process, this, this.#output.take)
    } catch (error) {
      this.kill(error as Error)
      if (!this.#process?.alive) return this.#end(error as Error)
    }
    if (this.#verdict) this.#process!.kill()
    const exit = await this.#process!.join().catch((error: Error) => error)
    await this.#channel?.finish()
    if (exit instanceof Error) this.#end(this.#verdict ?? exit)
    else this.#end(this.#verdict ?? deathOf(exit, this.pid, this.#sent.first?.chunk), exit)
  }

  onFailure(error: Error): void {
    this.kill(error)
  }

  onGone(): void {} // its end tells
  onMessage(payload: Buffer): void {
    switch (workerMessageOf(payload, 'worker to owner')) {
      case 'ready':
        this.#isReady = true
        break
      case 'refused':
        this.#verdict ??= refusalOf(payload.subarray(1), this.pid)
        return
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
    this.#stopClocks()
    const { chunk } = sent
    this.#pace.note(milliseconds)
    const settled = sent.isSettled ? { ...chunk, settle: () => {} } : chunk
    const link = this.#link!
    link.blocks?.out.settle(sent.blocks)
    settleChunk(settled, { body, blocks: () => link.takeBlocks(blocks) }, `worker ${this.pid}`)
    chunk.measured?.(milliseconds)
    this.#listener.onRun(chunk, milliseconds)
  }

  #answerOutput(payload: Buffer): void {
    this.#link!.output?.drain()
    this.#output?.ended(decodeWrote(payload))
    this.#channel!.send(encodeBare('read'))
  }

  #stopClocks(): void {
    this.#deadlines.done({ isOwing: this.#sent.find(({ isGivenUp }) => isGivenUp) !== undefined })
  }

  #takeProgress(payload: Buffer): void {
    const { chunk: id, item, body } = decodeProgress(payload)
    const sent = this.#sent.find((one) => one.id === id)
    if (!sent || item < sent.chunk.first || item >= sent.chunk.end) return wrongChunk(this.pid, id)
    if (sent.isSettled || sent.chunk.call.isOver) return
    sent.chunk.call.onProgress?.(decodeValue(body), sent.chunk.base + item)
  }

  /** Sends a chunk. */
  send(chunk: Chunk): void {
    const { call, first, end, items } = chunk
    let functionId = this.#functions.get(call.reference)
    if (functionId === undefined) {
      functionId = this.#functions.size
      this.#functions.set(call.reference, functionId)
      this.#channel!.send(encodeFunction(functionId, call.reference.module, call.reference.name))
    }
    const sent = this.#sent.add(chunk)
    this.taken += end - first
    const message = { chunk: sent.id, slot: sent.slot, functionId, first, end, spread: call.spread }
    sent.blocks = chunk.blocks.map((bytes) => this.#link!.blocks!.out.write(bytes))
    const run = encodeRun({ ...message, blocks: sent.blocks, listens: call.onProgress !== undefined })
    this.#channel!.send(run, items, { mayWait: this.#pace.isQuick })
    if (call.timeout !== undefined) this.#deadlines.begin(sent, call.timeout)
  }

  /** Takes the last chunk back that it has not begun. */
  revokeLast(): Chunk | undefined {
    const chunk = this.#sent.revokeLast(this.#takeBack)
    if (!chunk) return undefined
    this.#isSlow = true // its slot is free when it comes to the message, so slots would run out
    this.taken -= chunk.end - chunk.first
    return chunk
  }

  /** Nobody waits for these any more: it is to stop them, and is killed where it does not within the grace period. */
  giveUp(isIt: (chunk: Chunk) => boolean, error: Error): void {
    for (let sent: Assignment | undefined; (sent = this.#sent.find((one) => !one.isGivenUp && isIt(one.chunk))); ) {
      if (this.#options.gracePeriod === 0) return this.kill(error)
      this.#askToStop(sent, error)
    }
  }

  #askToStop(sent: Assignment, error: Error): void {
    sent.isGivenUp = true
    this.#channel!.send(encodeAbort(sent.id), encodeValue(encodeThrown(error), 'thrown'))
    this.#deadlines.giveGrace(error)
  }

  readonly #takeBack = (block: SentBlock): Uint8Array => this.#link!.blocks!.out.takeBack(block)

  /** Whether it keeps the event loop running; so it does at first. */
  holdLoop(on: boolean): void {
    this.#channel?.holdLoop(on)
    this.#link?.output?.holdLoop(on)
    if (on) this.#process?.ref()
    else this.#process?.unref()
  }

  /** Lets it finish what it has, and leave. */
  end(): void {
    if (this.isEnding) return
    this.isEnding = true
    this.holdLoop(true) // its teardown has time
    this.#channel!.send(encodeBare('end'))
  }

  /** Ends it now. What it has begun fails with this error. */
  kill(error: Error): void {
    this.#verdict ??= error
    this.#process?.kill()
  }

  onLate(sent: Assignment, error: Error): void {
    if (this.#options.gracePeriod === 0) return this.kill(error)
    this.#askToStop(sent, error)
    sent.isSettled = true
    failChunk(sent.chunk, error)
  }

  #end(error: Error, exit?: Exit): void {
    this.isEnding = true
    this.#link?.output?.drain()
    const remains = this.#sent.split(this.#isReady, this.#takeBack)
    this.#stopClocks()
    this.#link?.close()
    this.#listener.onEnd(this, { error, exit, neverReady: !this.#isReady, ...remains })
  }
}
