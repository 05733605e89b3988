// Runs in: owner. One worker of a Pool: a process, the chunks that it was sent, and what is known of them when it ends.
import type { work } from '../child/worker.js'
import { decodeValue, encodeValue } from '../clone.js'
import { ChildError } from '../errors.js'
import type { Exit } from '../exit.js'
import { Process } from '../process.js'
import type { ProcessOptions } from '../process-options.js'
import { type Reference, remote } from '../remote.js'
import { decodeThrown, encodeThrown, type ThrownData } from '../thrown.js'
import { type Assignment, Assignments, type Remains } from './assignments.js'
import type { SentBlock } from './block-table.js'
import type { Channel, ChannelListener } from './channel.js'
import { type Chunk, failChunk, settleChunk } from './chunk.js'
import { Ledger } from './ledger.js'
import { Link } from './link.js'
import type { Memories } from './memory.js'
import {
  decodeProgress,
  decodeResults,
  encodeAbort,
  encodeBare,
  encodeFunction,
  encodeRun,
  WORKER_MODULE,
  type WorkerSetup,
  workerMessageOf,
} from './messages.js'

const worker = remote<{ work: typeof work }>(WORKER_MODULE)
/** A worker has chunks for so long at a time, in milliseconds, but two at least: enough to hide the way of a message there and back. */
const AHEAD_MS = 1
const MIN_DEPTH = 2
const MAX_DEPTH = 64

/** How a worker's life ends, and what it leaves. */
export interface WorkerEnd extends Remains {
  /** Why: what a task of it fails with. */
  error: Error
  /** Whether it ended before it took its first task. */
  neverReady: boolean
}

/** What a worker tells its crew. */
export interface WorkerListener {
  /** It takes tasks now, or it has finished a chunk. */
  onReady(worker: PoolWorker): void
  onEnd(worker: PoolWorker, end: WorkerEnd): void
}

/** The options of a worker's process, and what it does first and last. */
export type WorkerOptions = Omit<ProcessOptions, 'stdio' | 'timeout' | 'signal' | 'detached'> & {
  streams: 'inherit' | 'ignore'
  /** So long a task that nobody waits for any more may take to stop, in milliseconds; 0: it is killed at once. */
  gracePeriod: number
  setup: Omit<WorkerSetup, 'sharesMemory' | 'id'>
}

/** One worker. */
export class PoolWorker implements ChannelListener {
  readonly #listener: WorkerListener
  readonly #options: WorkerOptions
  readonly #memories: Memories | undefined
  readonly #functions = new Map<Reference, number>()
  #process: Process | undefined
  #channel: Channel | undefined
  #link: Link | undefined
  #sent = new Assignments(new Ledger())
  /** Of the task that has a time limit. */
  #timer: NodeJS.Timeout | undefined
  /** Until those that it was asked to stop have to be answered. */
  #grace: NodeJS.Timeout | undefined
  /** Why it is being killed, where it is. */
  #verdict: Error | undefined
  #isReady = false
  /** It was sent chunks ahead and did not come to them: it gets no more before its next answer. */
  #isSlow = false
  /** How long a chunk of it takes, in milliseconds; the last ones count most. */
  #chunkMs = AHEAD_MS
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
    this.#memories = memories
  }

  get pid(): number | undefined {
    return this.#process?.pid
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
    const depth = Math.min(MAX_DEPTH, Math.max(MIN_DEPTH, AHEAD_MS / this.#chunkMs))
    const isHeld = this.#isSlow || this.#timer !== undefined || this.#grace !== undefined
    return this.isOpen && this.load < depth && this.#link!.sharesMemory && !isHeld
  }

  /** Starts the process; onReady or onEnd follows. */
  async start(): Promise<void> {
    const { streams, setup, gracePeriod: _, ...options } = this.#options
    try {
      const link = (this.#link = new Link(this.#memories))
      this.#sent = new Assignments(link.ledger)
      const stdio = [streams === 'inherit' ? 'inherit' : 'ignore', streams, streams, ...link.descriptors] as const
      this.#process = new Process(worker.work, [{ ...setup, id: this.id, sharesMemory: link.sharesMemory }], {
        ...options,
        stdio,
      })
      this.#process.result.catch(() => {}) // its end tells
      await this.#process.start()
      this.#channel = link.connect(this.#process, this)
    } catch (error) {
      this.kill(error as Error)
      if (!this.#process?.alive) return this.#end(error as Error)
    }
    if (this.#verdict) this.#process!.kill()
    const error = await this.#process!.join().then(
      (exit) => this.#deathOf(exit),
      (error: Error) => error,
    )
    await this.#channel?.finish()
    this.#end(this.#verdict ?? error)
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
      case 'refused': {
        const data = decodeValue(payload.subarray(1)) as ThrownData
        const cause = decodeThrown(data, { ownerStack: undefined, where: `worker ${this.pid}` })
        const text = `The initializer of worker ${this.pid} threw: ${(cause as Error)?.message ?? String(cause)}`
        this.#verdict ??= new ChildError('ERR_CHILD_DIED', text, { pid: this.pid }, { cause })
        return
      }
      case 'progress':
        return this.#takeProgress(payload)
      case 'results':
        this.#takeResults(payload)
    }
    this.#listener.onReady(this)
  }

  #takeResults(payload: Buffer): void {
    const { chunk: id, milliseconds, body, blocks } = decodeResults(payload)
    const sent = this.#sent.answer(id)
    if (!sent) throw new Error(`Worker ${this.pid} answered chunk ${id}, which is not the next one.`)
    this.#isSlow = false
    this.#stopTimers()
    const { chunk } = sent
    this.#chunkMs = (3 * this.#chunkMs + milliseconds) / 4
    const map = (): ArrayBuffer[] => blocks.map((block) => this.#link!.blocks!.in.take(block))
    if (!sent.isSettled) settleChunk(chunk, { body, blocks: map }, `worker ${this.pid}`)
    else map() // and nobody has them
    chunk.measured?.(milliseconds)
  }

  #takeProgress(payload: Buffer): void {
    const { chunk: id, item, body } = decodeProgress(payload)
    const sent = this.#sent.find((one) => one.id === id)
    if (!sent || sent.isSettled || sent.chunk.call.isOver) return
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
    this.#channel!.send(encodeRun({ ...message, blocks: sent.blocks, listens: call.onProgress !== undefined }), items)
    if (call.timeout !== undefined) this.#startTimer(sent, call.timeout)
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
    this.#grace ??= setTimeout(() => this.kill(error), this.#options.gracePeriod)
  }

  readonly #takeBack = (block: SentBlock): Uint8Array => this.#link!.blocks!.out.takeBack(block)

  /** Lets it finish what it has, and leave. */
  end(): void {
    if (this.isEnding) return
    this.isEnding = true
    this.#channel!.send(encodeBare('end'))
  }

  /** Ends it now. What it has begun fails with this error. */
  kill(error: Error): void {
    this.#verdict ??= error
    this.#process?.kill()
  }

  #startTimer(sent: Assignment, timeout: number): void {
    this.#timer = setTimeout(() => {
      const { chunk } = sent
      const { pid } = this
      const { gracePeriod } = this.#options
      const what = gracePeriod > 0 ? `is asked to stop, and killed in ${gracePeriod} ms` : 'was killed'
      const text = `A task ${chunk.call.reference.name}() took longer than its timeout of ${timeout} ms; worker ${pid} ${what}. Give it more time, or less to do.`
      const signal = gracePeriod > 0 ? {} : { signal: 'SIGKILL' as const }
      const error = new ChildError('ERR_TIMEOUT', text, { pid, ...signal })
      if (gracePeriod === 0) return this.kill(error)
      this.#askToStop(sent, error)
      sent.isSettled = true
      failChunk(chunk, error)
    }, timeout)
  }

  /** What it had to do is done. */
  #stopTimers(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#sent.find(({ isGivenUp }) => isGivenUp)) return
    clearTimeout(this.#grace)
    this.#grace = undefined
  }

  #deathOf({ exitCode, signal }: Exit): Error {
    const how = signal ? `was ended by ${signal}` : `exited with ${exitCode}`
    const { first } = this.#sent
    const tasks = first ? ` while it ran ${first.chunk.call.reference.name}()` : ''
    return new ChildError('ERR_CHILD_DIED', `Worker ${this.pid} ${how}${tasks}.`, { pid: this.pid, exitCode, signal })
  }

  #end(error: Error): void {
    this.isEnding = true
    const remains = this.#sent.split(this.#isReady, this.#takeBack)
    this.#stopTimers()
    this.#link?.close()
    this.#listener.onEnd(this, { error, neverReady: !this.#isReady, ...remains })
  }
}
