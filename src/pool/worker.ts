// Runs in: owner. One worker of a Pool: a process, the chunks that it was sent, and what is known of them when it ends.
import type { Socket } from 'node:net'
import type { work } from '../child/worker.js'
import { decodeValue } from '../clone.js'
import { ChildError } from '../errors.js'
import type { Exit } from '../exit.js'
import { native } from '../native.js'
import { Process } from '../process.js'
import type { ProcessOptions } from '../process-options.js'
import { type Reference, remote } from '../remote.js'
import { decodeThrown, type ThrownData } from '../thrown.js'
import { type Channel, type ChannelListener, SocketChannel } from './channel.js'
import { type Chunk, partOf } from './chunk.js'
import { Ledger } from './ledger.js'
import { type Memories, type SharedMemory, TO_OWNER, TO_WORKER } from './memory.js'
import {
  decodeResults,
  encodeBare,
  encodeFunction,
  encodeRun,
  WORKER_DESCRIPTORS,
  WORKER_MODULE,
  type WorkerSetup,
  workerMessageOf,
} from './messages.js'
import { RingChannel } from './ring-channel.js'

const worker = remote<{ work: typeof work }>(WORKER_MODULE)
const MAX_CHUNK_ID = 0xffffffff
/** A worker has chunks for so long at a time, in milliseconds, but two at least: enough to hide the way of a message there and back. */
const AHEAD_MS = 1
const MIN_DEPTH = 2
const MAX_DEPTH = 64

/** How a worker's life ends, and what it leaves. */
export interface WorkerEnd {
  /** Why: what a task of it fails with. */
  error: Error
  /** Whether it ended before it took its first task. */
  neverReady: boolean
  /** Chunks, or parts, of which nothing has begun. */
  unbegun: Chunk[]
  /** Parts that have begun, and have no result. */
  begun: Chunk[]
}

/** What a worker tells its crew. */
export interface WorkerListener {
  /** It takes tasks now, or it has finished a chunk. */
  onReady(worker: PoolWorker): void
  onEnd(worker: PoolWorker, end: WorkerEnd): void
}

interface Sent {
  chunk: Chunk
  id: number
  slot: number
}

/** The options of a worker's process, and what it does first and last. */
export type WorkerOptions = Omit<ProcessOptions, 'stdio' | 'timeout' | 'signal' | 'detached'> & {
  streams: 'inherit' | 'ignore'
  setup: Omit<WorkerSetup, 'sharesMemory'>
}

/** One worker. */
export class PoolWorker implements ChannelListener {
  readonly #listener: WorkerListener
  readonly #memories: Memories | undefined
  readonly #functions = new Map<Reference, number>()
  readonly #sent: Sent[] = []
  #process: Process | undefined
  #channel: Channel | undefined
  #memory: SharedMemory | undefined
  #ledger = new Ledger()
  #nextId = 1
  #timer: NodeJS.Timeout | undefined
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

  /** @param memories where this process has the addon: without, the channel is a socket, and nothing is known of a dead worker's tasks */
  constructor(listener: WorkerListener, memories: Memories | undefined) {
    this.#listener = listener
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
    return this.isOpen && this.load < depth && this.#ledger.isShared && !this.#isSlow && this.#timer === undefined
  }

  /** Starts the process; onReady or onEnd follows. */
  async start({ streams, setup, ...options }: WorkerOptions): Promise<void> {
    try {
      const memory = (this.#memory = this.#memories?.take())
      if (memory) this.#ledger = new Ledger(memory.bytes)
      const shared = memory ? [memory.memory, memory.workerEvent, memory.ownerEvent] : (['pipe'] as const)
      const stdio = [streams === 'inherit' ? 'inherit' : 'ignore', streams, streams, ...shared] as const
      this.#process = new Process(worker.work, [{ ...setup, sharesMemory: memory !== undefined }], {
        ...options,
        stdio,
      })
      this.#process.result.catch(() => {}) // its end tells
      await this.#process.start()
      this.#channel = this.#connect(memory)
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

  #connect(memory: SharedMemory | undefined): Channel {
    if (!memory) return new SocketChannel(this.#process!.stdio[WORKER_DESCRIPTORS.channel] as Socket, this)
    const { bytes, ownerEvent, workerEvent } = memory
    const rings = { incoming: TO_OWNER, outgoing: TO_WORKER, ownEvent: ownerEvent, peerEvent: workerEvent }
    return new RingChannel(native(), { bytes, ...rings, closesEvents: false }, this)
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
      case 'results':
        this.#takeResults(payload)
    }
    this.#listener.onReady(this)
  }

  #takeResults(payload: Buffer): void {
    const { chunk: id, milliseconds, body } = decodeResults(payload)
    // The worker keeps the order in which the chunks were sent; what was revoked is not here any more.
    const [sent] = this.#sent
    if (sent?.id !== id) throw new Error(`Worker ${this.pid} answered chunk ${id}, which is not the next one.`)
    this.#sent.shift()
    this.#isSlow = false
    this.#stopTimer()
    this.#ledger.free(sent.slot)
    const { chunk } = sent
    this.#chunkMs = (3 * this.#chunkMs + milliseconds) / 4
    this.#settle(chunk, body)
    chunk.measured?.(milliseconds)
  }

  #settle(chunk: Chunk, body: Buffer): void {
    let values: unknown[]
    let failed: Map<number, ThrownData>
    try {
      const [list, failures] = decodeValue(body) as [unknown[], [number, ThrownData][]]
      values = list
      failed = new Map(failures)
    } catch (error) {
      for (let item = chunk.first; item < chunk.end; item++) chunk.settle(item, { error }) // it cannot be rebuilt here
      return
    }
    const where = `worker ${this.pid}`
    for (let item = chunk.first; item < chunk.end; item++) {
      const thrown = failed.get(item)
      if (thrown) chunk.settle(item, { error: decodeThrown(thrown, { ownerStack: undefined, where }) })
      else chunk.settle(item, { value: values[item - chunk.first] })
    }
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
    const id = this.#nextId
    this.#nextId = id < MAX_CHUNK_ID ? id + 1 : 1
    const slot = this.#ledger.offer()
    this.#sent.push({ chunk, id, slot })
    this.taken += end - first
    this.#channel!.send(encodeRun({ chunk: id, functionId, slot, first, end, spread: call.spread }), items)
    if (call.timeout !== undefined) this.#startTimer(call.timeout, call.reference)
  }

  /** Takes the last chunk back that it has not begun. */
  revokeLast(): Chunk | undefined {
    const last = this.#sent.at(-1)
    if (!last || this.#sent.length < 2 || !this.#ledger.revoke(last.slot)) return undefined
    this.#sent.pop()
    this.#isSlow = true // its slot is free when it comes to the message, so slots would run out
    this.taken -= last.chunk.end - last.chunk.first
    return last.chunk
  }

  /** Whether it has something of this call. */
  has(isOfIt: (chunk: Chunk) => boolean): boolean {
    return this.#sent.some(({ chunk }) => isOfIt(chunk))
  }

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

  #startTimer(timeout: number, { name }: Reference): void {
    this.#timer = setTimeout(() => {
      const text = `A task ${name}() took longer than its timeout of ${timeout} ms; worker ${this.pid} was killed. Give it more time, or less to do.`
      this.kill(new ChildError('ERR_TIMEOUT', text, { pid: this.pid, signal: 'SIGKILL' }))
    }, timeout)
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #deathOf({ exitCode, signal }: Exit): Error {
    const how = signal ? `was ended by ${signal}` : `exited with ${exitCode}`
    const tasks = this.#sent[0] ? ` while it ran ${this.#sent[0].chunk.call.reference.name}()` : ''
    return new ChildError('ERR_CHILD_DIED', `Worker ${this.pid} ${how}${tasks}.`, { pid: this.pid, exitCode, signal })
  }

  #end(error: Error): void {
    this.#stopTimer()
    this.isEnding = true
    const begun: Chunk[] = []
    const unbegun: Chunk[] = []
    // It runs them in the order in which they were sent, so what is in front of the chunk that it began last has begun too.
    const seen = this.#ledger.begun
    const at = this.#ledger.isShared ? this.#sent.findIndex(({ id }) => id === seen.chunk) : this.#isReady ? 0 : -1
    for (const [index, { chunk }] of this.#sent.entries()) {
      const stop = index < at ? chunk.end : index > at ? chunk.first : this.#ledger.isShared ? seen.item + 1 : chunk.end
      if (stop > chunk.first) begun.push(partOf(chunk, chunk.first, stop))
      if (stop < chunk.end) unbegun.push(partOf(chunk, stop, chunk.end))
    }
    this.#sent.length = 0
    if (this.#memory) this.#memories?.giveBack(this.#memory)
    this.#listener.onEnd(this, { error, neverReady: !this.#isReady, begun, unbegun })
  }
}
