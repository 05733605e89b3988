// Runs in: owner. The process of one worker of a Pool: its start, its channel and its end. Each phase of its life has a
// limit, so that nobody waits for ever for a process that hangs, or for a template that does not answer.

import { clearTimeout, setTimeout } from '../../platform/timers.js'
import { type OneTaskSetup, WORKER_MODULE, type WorkerSetup } from '../../wire/worker/worker-messages.js'
import type { Channel, ChannelListener } from '../../worker-channel/worker-channel.js'
import type { Memories } from '../../worker-channel/worker-memory.js'
import type { Exit } from '../launch/exit.js'
import { remote } from '../naming/remote.js'
import { forPool, Process } from '../process/process.js'
import type { ProcessOptions } from '../process/process-options.js'
import { ForkServer, onClose, onRestart } from '../server/fork-server.js'
import type { OneTask } from './chunk-codec.js'
import type { OutputTaker } from './output-reader.js'
import { isBreach, isDeath, lateEnd, lateStart, lostWorker } from './worker-errors.js'
import { Link } from './worker-link.js'

const worker = remote<{
  work: (setup: WorkerSetup) => Promise<void>
  workOnce: (setup: OneTaskSetup) => Promise<void>
}>(WORKER_MODULE)

/**
 * A process that was killed, or whose channels have ended, counts as ended after this, in
 * milliseconds, even if its exit was not reported.
 */
const EXIT_LIMIT_MS = 2_000

/** How a worker's process is started, and what it does first and last. */
export type WorkerProcessOptions = Omit<ProcessOptions, 'stdio' | 'timeout' | 'signal' | 'detached'> & {
  streams: 'inherit' | 'ignore' | 'capture'
  /** How long it may take until it is ready, in milliseconds. */
  startTimeout: number
  /** How long it may take to leave, in milliseconds. */
  teardownTimeout: number
  setup: Omit<WorkerSetup, 'sharesMemory' | 'isCaptured' | 'id'>
}

/** The options of a worker. */
export interface WorkerOptions {
  process: WorkerProcessOptions
  /** It is one job: its one task comes with its start, and it leaves when it has answered. */
  isForOneTask: boolean
  /** If it uses more bytes of memory than this, it gets no more chunks. */
  maxMemory: number
  /** How long a task that nobody waits for may take to stop, in milliseconds; 0: the worker is killed at once. */
  gracePeriod: number
}

/** The worker whose process it is. */
export interface WorkerProcessListener extends ChannelListener {
  /** The memory or socket that both sides share was made. */
  onLink(link: Link): void
  /** The server of the process closes. */
  onServerClosed(): void
  /** The server of the process was restarted: the process is older than the template. */
  onStale(): void
  /** Takes its output, if that is captured. */
  readonly onWritten: OutputTaker
  /**
   * It has ended, or counts as ended. Called once.
   *
   * @param reason why it was killed, or could not be started
   * @param exit how it ended, if that is known
   */
  onOver(reason: Error | undefined, exit: Exit | undefined): void
}

/** One process. */
export class WorkerProcess {
  readonly #id: number
  readonly #options: WorkerProcessOptions
  readonly #listener: WorkerProcessListener
  #process: Process | undefined
  #link: Link | undefined
  #task: OneTask | undefined
  #channel: Channel | undefined
  /** Why it is being killed. */
  #verdict: Error | undefined
  #limit: NodeJS.Timeout | undefined
  #isOver = false
  /** What it threw outside of its tasks: in onFork(), or in a callback. */
  thrown: unknown

  /** @param id its number in the pool */
  constructor(id: number, options: WorkerProcessOptions, listener: WorkerProcessListener) {
    this.#id = id
    this.#options = options
    this.#listener = listener
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Its channel, once it is started. A worker for one task has none. */
  get channel(): Channel | undefined {
    return this.#channel
  }

  /** Whether it is being killed. */
  get isDoomed(): boolean {
    return this.#verdict !== undefined
  }

  /**
   * Starts it; onOver() follows in any case.
   *
   * @param memories undefined without the addon: then the channel is a socket
   * @param task of a worker for one task
   */
  start(memories: Memories | undefined, task?: OneTask): void {
    this.#task = task
    const { startTimeout } = this.#options
    this.#setLimit(startTimeout, () => this.kill(lateStart(startTimeout, this.pid))).unref()
    void this.#live(memories)
  }

  async #live(memories: Memories | undefined): Promise<void> {
    let exit: Exit | undefined
    let reason: Error | undefined
    const leaveServer: (() => void)[] = []
    try {
      const server = this.#options.server ?? (await ForkServer.default())
      leaveServer.push(server[onClose](() => this.#listener.onServerClosed()))
      leaveServer.push(server[onRestart](() => this.#tellStale()))
      await this.#launch(server, memories)
      this.#tellStale() // it may have been restarted during the launch
      if (this.#verdict) this.#process!.kill()
      exit = await this.#process!.join()
    } catch (error) {
      reason = error as Error
      if (this.pid !== undefined) exit = await this.#killed(reason)
    }
    this.#setLimit(EXIT_LIMIT_MS, () => this.#lose())
    await this.#channel?.finish()
    this.#end(reason, exit)
    // Not earlier: a process that only counted as ended may still use these descriptors and this memory.
    const isKnown = (exit?.exitCode ?? exit?.signal ?? undefined) !== undefined
    this.#link?.close({ isUnused: isKnown || this.#process === undefined })
    for (const leave of leaveServer) leave()
  }

  /** Its start failed when the process was there already, or its exit is not known. */
  #killed(reason: Error): Promise<Exit | undefined> {
    this.kill(reason)
    return this.#process!.join().catch(() => undefined)
  }

  #tellStale(): void {
    if (this.#process?.[forPool].isStale) this.#listener.onStale()
  }

  async #launch(server: ForkServer, memories: Memories | undefined): Promise<void> {
    if (this.#verdict) throw this.#verdict
    const { streams, setup, startTimeout, teardownTimeout, ...options } = this.#options
    const link = (this.#link = new Link(memories, streams, { isForOneTask: this.#task !== undefined }))
    this.#listener.onLink(link)
    const process = this.#newProcess(setup, link, { ...options, server, stdio: link.stdio })
    this.#process = process
    const started = process.start()
    process.result.catch((error) => this.#fail(error))
    process[forPool].channelEnd.then(() => {
      if (!this.#verdict) this.#setLimit(EXIT_LIMIT_MS, () => this.kill(lostWorker(this.pid)))
    })
    await started
    this.#channel = link.connect(process, this.#listener, this.#listener.onWritten)
  }

  #fail(error: unknown): void {
    if (isBreach(error)) this.kill(error)
    else if (!isDeath(error)) this.thrown = error // the exit follows, which is its end
  }

  #newProcess(setup: WorkerProcessOptions['setup'], link: Link, options: ProcessOptions): Process {
    const own = { id: this.#id, isCaptured: link.output !== undefined }
    if (!this.#task)
      return new Process(worker.work, [{ ...setup, ...own, sharesMemory: link.sharesMemory }], options) as Process
    const { initializer, initArgs, ...rest } = setup
    return new Process(worker.workOnce, [{ ...rest, ...own, ...this.#task }], options) as Process
  }

  /** It has run its initializer. */
  ready(): void {
    if (!this.#verdict) clearTimeout(this.#limit)
  }

  /** It has answered by a message, not by the result of its job. */
  answered(): void {
    this.#process?.[forPool].answered()
  }

  /** It was told to leave. */
  leaving(): void {
    const { teardownTimeout } = this.#options
    if (!this.#verdict) this.#setLimit(teardownTimeout, () => this.kill(lateEnd(teardownTimeout, this.pid)))
  }

  /** Ends it now; the first reason counts. */
  kill(reason: Error): void {
    if (!this.#verdict) this.#setLimit(EXIT_LIMIT_MS, () => this.#lose())
    this.#verdict ??= reason
    this.#process?.kill()
  }

  /** Notes why it will end by itself, so that this is the reason that counts. */
  refuse(reason: Error): void {
    this.#verdict ??= reason
  }

  /** Sets whether it keeps the event loop running. At first it does. */
  holdLoop(on: boolean): void {
    this.#channel?.holdLoop(on)
    this.#link?.output?.holdLoop(on)
    if (on) this.#process?.ref()
    else this.#process?.unref()
  }

  /** Each phase replaces the limit of the one before it. */
  #setLimit(milliseconds: number, onLate: () => void): NodeJS.Timeout {
    clearTimeout(this.#limit)
    this.#limit = setTimeout(onLate, milliseconds)
    if (this.#isOver) clearTimeout(this.#limit)
    return this.#limit
  }

  /** The exit of the process was not reported in time. */
  #lose(): void {
    void this.#channel?.finish()
    this.#end(this.#verdict ?? lostWorker(this.pid), undefined)
  }

  #end(reason: Error | undefined, exit: Exit | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#limit)
    this.#listener.onOver(this.#verdict ?? reason, exit)
  }
}
