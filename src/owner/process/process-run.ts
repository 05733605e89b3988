// Runs in: owner. The run of a process, from its start to its end: what it says, and what ends it early.
import { type Deferred, defer } from '../../promises/deferred.js'
import type { ChildMessage } from '../../wire/job.js'
import type { Exit } from '../launch/exit.js'
import type { Launched } from '../launch/launcher.js'
import { noteMessage } from './child-message.js'
import type { Cutoff } from './cutoff.js'
import { WorkerMessages } from './messages-of-worker.js'
import { Outcome } from './outcome.js'
import { RssWatch } from './rss-watch.js'

/** What a run has to know of its process. */
export interface RunOptions {
  isProgram: boolean
  limits: { readonly memory?: number; readonly cpuSeconds?: number; readonly rss?: number }
}

/** What a start has made. */
export interface Begun {
  launched: Launched
  /** Where start() was called. Its stack is made into text only if an error needs it. */
  startedAt: Error
  /** With a timeout or a signal. */
  cutoff: Cutoff | undefined
}

/** One run of a process. Before begin(), nobody knows whether there will be one. */
export class ProcessRun<Value> {
  readonly #rssLimit: number | undefined
  readonly #outcome: Outcome
  readonly #result: Deferred<Value> = defer()
  readonly #ended: Deferred<Exit> = defer()
  readonly #channelEnd: Deferred<void> = defer()
  /** Of a pool's worker, on its job channel. */
  readonly messages = new WorkerMessages()
  #begun: Begun | undefined
  #rssWatch: RssWatch | undefined

  constructor({ isProgram, limits }: RunOptions) {
    this.#outcome = new Outcome({ isProgram, limits })
    this.#rssLimit = limits.rss
  }

  /** The process could not be started. */
  fail(error: unknown): void {
    this.#result.reject(error)
    this.#ended.reject(error)
  }

  /** The process exists: from here to its end. */
  begin(begun: Begun): void {
    this.#begun = begun
    const { launched, cutoff } = begun
    this.#outcome.started(launched)
    const cut = cutoff?.signal
    cut?.addEventListener('abort', () => this.#end(launched, cut.reason), { once: true })
    if (cut?.aborted) this.#end(launched, cut.reason)
    const limit = this.#rssLimit
    // Before listen(), which may call onEnd() at once
    if (limit !== undefined) this.#rssWatch = new RssWatch(launched, limit, (error) => this.#end(launched, error))
    launched.channel.listen({
      onMessage: (message) => this.#take(begun, message),
      onBroken: (error) => this.#end(launched, error),
      onEnd: () => {
        this.#rssWatch?.stop()
        this.#outcome.channelEnded()
        this.#channelEnd.resolve()
        this.#settle()
      },
    })
    launched.exited
      .then(
        (exit) => this.#outcome.exited(exit),
        (error: unknown) => this.#outcome.exitLost(error),
      )
      .finally(() => this.#settle())
  }

  /** Ends the process. This error is the answer of its job, unless the job has one already. */
  #end(launched: Launched, error: unknown): void {
    this.#outcome.answered({ error })
    launched.kill('SIGKILL')
    this.#settle()
  }

  #take({ launched, startedAt }: Begun, message: ChildMessage): void {
    if (message.kind === 'worker') return this.messages.take(message.value)
    try {
      noteMessage(message, this.#outcome, () => ({ ownerStack: startedAt.stack, where: `process ${launched.pid}` }))
      this.#settle()
    } catch (error) {
      this.#end(launched, error)
    }
  }

  #settle(): void {
    const { answer, end } = this.#outcome
    if (answer && 'error' in answer) this.#result.reject(answer.error)
    else if (answer) this.#result.resolve(answer.value as Value)
    if (!end) return
    this.#begun?.cutoff?.stop()
    if ('exit' in end) this.#ended.resolve(end.exit)
    else this.#ended.reject(end.error)
  }

  /** Its messages have brought what its job is for, so it has no result. */
  answered(): void {
    this.#outcome.answered({ value: undefined })
  }

  get launched(): Launched | undefined {
    return this.#begun?.launched
  }

  get result(): Promise<Value> {
    return this.#result.promise
  }

  get ended(): Promise<Exit> {
    return this.#ended.promise
  }

  /** Settles when the job channel has ended, which is before the exit is known. */
  get channelEnd(): Promise<void> {
    return this.#channelEnd.promise
  }

  get isAlive(): boolean {
    return this.#begun !== undefined && !this.#outcome.isOver
  }

  /** How it ended, if that is known. */
  get exit(): Exit | undefined {
    const { end } = this.#outcome
    return end && 'exit' in end ? end.exit : undefined
  }

  /** The modules that it has loaded, if it said so. */
  get modules(): readonly string[] | undefined {
    return this.#outcome.modules
  }
}
