// Runs in: owner. Process: one job in one process of its own. It uses a server and does not know
// how the server starts processes.
import os from 'node:os'
import type { Duplex, Readable, Writable } from 'node:stream'
import { UsageError } from '../../errors.js'
import { defer, rejected } from '../../promises/deferred.js'
import type { ChildMessage, JobHead } from '../../wire/job.js'
import { encodeValue } from '../../wire/values/clone.js'
import type { Exit } from '../launch/exit.js'
import type { Launched, LaunchRequest } from '../launch/launcher.js'
import { checkNotImporting } from '../launch/self-start.js'
import { Program } from '../naming/program-reference.js'
import type { ArgumentsOf, Reference, ResultOf } from '../naming/remote.js'
import { ForkServer, launch } from '../server/fork-server.js'
import { noteMessage } from './child-message.js'
import { Cutoff } from './cutoff.js'
import { joinWithin } from './join-timeout.js'
import { WorkerMessages } from './messages-of-worker.js'
import { Messaging, useIpc } from './messaging.js'
import { Outcome } from './outcome.js'
import {
  type CheckedProcess,
  checkJoin,
  checkProcess,
  checkTask,
  type JoinOptions,
  type PipeAt,
  type ProcessOptions,
  type StdioOptions,
  surroundingsOf,
} from './process-options.js'
import { RssWatch } from './rss-watch.js'

/** What a Pool has to know of a process. */
export const forPool = Symbol('forPool')

interface ForPool {
  readonly channelEnd: Promise<void>
  readonly isStale: boolean
  readonly messages: WorkerMessages
  answered(): void
}

/**
 * One job in a process of its own.
 *
 * @example
 * const p = new Process(jobs.render, [page], { server, timeout: 5_000 })
 * await p.start()
 * const html = await p.result
 * const { exitCode } = await p.join()
 */
export class Process<R extends Reference | Program = Reference, const S extends StdioOptions = StdioOptions>
  extends Messaging
  implements AsyncDisposable
{
  readonly #reference: R
  readonly #args: ArgumentsOf<R>
  readonly #options: CheckedProcess
  readonly #result = defer<ResultOf<R>>()
  readonly #ended = defer<Exit>()
  readonly #outcome: Outcome
  readonly #channelEnd = defer<void>()
  readonly #workerMessages = new WorkerMessages()
  #cutoff: Cutoff | undefined
  #rssWatch: RssWatch | undefined
  #launched: Launched | undefined
  #isStarted = false
  #isDisposed = false
  /** Where start() was called. The stack is made into text only if an error needs it. */
  #startedAt: Error | undefined

  /**
   * @param reference the function to run, from remote(); or the program, from program()
   * @param args its arguments; those of a function are structured-cloned at start(), those of a program are strings
   * @throws UsageError ERR_INVALID_ARGUMENT, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
   */
  constructor(reference: R, args: ArgumentsOf<R>, options: ProcessOptions<S> = {}) {
    super()
    checkTask(reference, args)
    this.#reference = reference
    this.#args = args
    this.#options = checkProcess(options)
    this.#outcome = new Outcome({ isProgram: reference instanceof Program, limits: this.#options.limits })
  }

  /**
   * Starts the process. Resolves as soon as it exists; the job may still be on its way.
   *
   * @returns this process
   * @throws UsageError ERR_INVALID_STATE (it was started before, or the module of the job starts processes of
   *   itself), ERR_CANNOT_CLONE (an argument, by path)
   * @throws ResourceError ERR_RESOURCE (EAGAIN, ENOMEM, EMFILE); TemplateError ERR_TEMPLATE_LOST, ERR_TEMPLATE_START
   * @throws ChildError ERR_TIMEOUT; AbortError when the signal is aborted
   */
  async start(): Promise<this> {
    if (this.#isStarted)
      throw new UsageError('ERR_INVALID_STATE', 'A Process starts once. Make a new one for another run.')
    this.#isStarted = true
    this.#startedAt = new Error()
    try {
      const launched = await this.#launch()
      this.#follow(launched)
    } catch (error) {
      this.#cutoff?.stop()
      this.#result.reject(error)
      this.#ended.reject(error)
      throw error
    }
    return this
  }

  async #launch(): Promise<Launched> {
    const { timeout, signal } = this.#options
    if (timeout === undefined && !signal) return this.#launchBy(undefined)
    this.#cutoff = new Cutoff({ timeout, signal }, () => this.pid)
    this.#cutoff.signal.throwIfAborted()
    return this.#cutoff.launched(this.#launchBy(this.#cutoff.signal))
  }

  async #launchBy(signal: AbortSignal | undefined): Promise<Launched> {
    const { cwd = process.cwd(), env = process.env, stdio, serialization, detached, killTree } = this.#options
    const args = encodeValue(this.#args, 'arguments')
    const request: LaunchRequest = { stdio, serialization, detached, killTree, cwd, env, head: this.#head(), args }
    if (signal) request.signal = signal
    const server = this.#options.server ?? (await ForkServer.default())
    return server[launch](request)
  }

  #head(): JobHead {
    const reference = this.#reference
    if (reference instanceof Program) return { program: reference.head, ...surroundingsOf(this.#options) }
    checkNotImporting('Process.start()', [reference.module])
    return { module: reference.module, name: reference.name, ...surroundingsOf(this.#options) }
  }

  /** The process exists: from here to its end. */
  #follow(launched: Launched): void {
    const outcome = this.#outcome
    this.#launched = launched
    this[useIpc](launched.ipc)
    outcome.started(launched.pid)
    const cut = this.#cutoff?.signal
    cut?.addEventListener('abort', () => this.#end(launched, cut.reason), { once: true })
    if (cut?.aborted) this.#end(launched, cut.reason)
    if (this.#isDisposed) launched.kill('SIGKILL')
    launched.channel.listen({
      onMessage: (message) => this.#take(launched, message),
      onBroken: (error) => this.#end(launched, error),
      onEnd: () => {
        this.#rssWatch?.stop()
        outcome.channelEnded()
        this.#channelEnd.resolve()
        this.#settle()
      },
    })
    const { rss } = this.#options.limits
    if (rss !== undefined) this.#rssWatch = new RssWatch(launched, rss, (error) => this.#end(launched, error))
    launched.exited
      .then(
        (exit) => outcome.exited(exit),
        (error: unknown) => outcome.exitLost(error),
      )
      .finally(() => this.#settle())
  }

  /** Ends the process. This error is the answer of its job, unless the job has one already. */
  #end(launched: Launched, error: unknown): void {
    this.#outcome.answered({ error })
    launched.kill('SIGKILL')
    this.#settle()
  }

  #take(launched: Launched, message: ChildMessage): void {
    if (message.kind === 'worker') return this.#workerMessages.take(message.value)
    try {
      noteMessage(message, this.#outcome, () => ({
        ownerStack: this.#startedAt?.stack,
        where: `process ${launched.pid}`,
      }))
      this.#settle()
    } catch (error) {
      this.#end(launched, error)
    }
  }

  #settle(): void {
    const { answer, end } = this.#outcome
    if (answer && 'error' in answer) this.#result.reject(answer.error)
    else if (answer) this.#result.resolve(answer.value as ResultOf<R>)
    if (!end) return
    this.#cutoff?.stop()
    if ('exit' in end) this.#ended.resolve(end.exit)
    else this.#ended.reject(end.error)
  }

  /**
   * @internal `channelEnd` settles when the job channel has ended, which is before the exit is known. `isStale`: the
   * server was restarted since the process was started. `messages`: of the worker, on its job channel. `answered()`:
   * they have brought what its job is for, so it has no result.
   */
  get [forPool](): ForPool {
    const isStale = this.#launched?.isStale() ?? false
    const answered = (): void => this.#outcome.answered({ value: undefined })
    return { channelEnd: this.#channelEnd.promise, isStale, messages: this.#workerMessages, answered }
  }

  /** Process id, once it is started. */
  get pid(): number | undefined {
    return this.#launched?.pid
  }

  /**
   * What the function returned, or its promise resolved to. Rejects with what it threw (class, message, code, own
   * properties, cause, and the stacks of both processes), or with ChildError ERR_CHILD_DIED or ERR_TIMEOUT, UsageError
   * ERR_NOT_EXPORTED or ERR_CANNOT_CLONE, ResourceError ERR_RESOURCE, TemplateError ERR_TEMPLATE_LOST, an AbortError,
   * or what start() threw. Before start() it rejects with UsageError ERR_INVALID_STATE.
   */
  get result(): Promise<ResultOf<R>> {
    return this.#isStarted ? this.#result.promise : rejected(notStarted('result'))
  }

  /** Writes to its stdin if stdio asks for a pipe, else null. It is null until the process is started. */
  get stdin(): PipeAt<S, '0', Writable> {
    return (this.stdio[0] ?? null) as PipeAt<S, '0', Writable>
  }

  /** Reads its stdout if stdio asks for a pipe, else null. It is null until the process is started. */
  get stdout(): PipeAt<S, '1', Readable> {
    return (this.stdio[1] ?? null) as PipeAt<S, '1', Readable>
  }

  /** Reads its stderr if stdio asks for a pipe, else null. It is null until the process is started. */
  get stderr(): PipeAt<S, '2', Readable> {
    return (this.stdio[2] ?? null) as PipeAt<S, '2', Readable>
  }

  /**
   * Its pipes by descriptor: stdin, stdout, stderr, and the further ones of stdio, which are read and written. An
   * entry is null if the descriptor is no pipe.
   */
  get stdio(): readonly (Duplex | null)[] {
    return this.#launched?.stdio ?? []
  }

  /** Whether it was started and has not ended. */
  get alive(): boolean {
    return this.#launched !== undefined && !this.#outcome.isOver
  }

  /** Its exit code, once it has ended by itself. */
  get exitCode(): number | null {
    return this.#exit?.exitCode ?? null
  }

  /** The signal that ended it, once one did. */
  get signal(): NodeJS.Signals | null {
    return this.#exit?.signal ?? null
  }

  get #exit(): Exit | undefined {
    const { end } = this.#outcome
    return end && 'exit' in end ? end.exit : undefined
  }

  /**
   * With the option `recordModules`, once the process has ended: which modules of packages its own code has loaded
   * beyond its template, as file URLs. Undefined without the option, and if a signal ended the process.
   */
  get loadedModules(): readonly string[] | undefined {
    return this.#outcome.modules
  }

  /**
   * Waits for its end.
   *
   * @param options `timeout`: how long, in milliseconds; default: no limit. The process goes on after it
   * @returns its exit code or signal, and the resources that it used
   * @throws ChildError ERR_TIMEOUT; TemplateError ERR_TEMPLATE_LOST if the exit cannot be known; the error of start();
   *   UsageError ERR_INVALID_STATE before start()
   */
  async join(options: JoinOptions = {}): Promise<Exit> {
    const { timeout } = checkJoin(options)
    if (!this.#isStarted) throw notStarted('join()')
    return timeout === undefined ? this.#ended.promise : joinWithin(timeout, this.#ended.promise, this.pid)
  }

  /** It keeps this process's event loop running until it ends. This is the default. */
  ref(): void {
    if (this.alive) this.#launched!.holdLoop(true)
  }

  /**
   * It no longer keeps this process's event loop running. A process that is not detached is killed when this one ends.
   * Streams of pipes have their own ref() and unref().
   */
  unref(): void {
    if (this.alive) this.#launched!.holdLoop(false)
  }

  /**
   * Sends SIGTERM.
   *
   * @returns false if the process was not started or has ended
   */
  terminate(): boolean {
    return this.kill('SIGTERM')
  }

  /**
   * Sends a signal.
   *
   * @param signal its name; default SIGKILL
   * @returns false if the process was not started or has ended
   * @throws UsageError ERR_INVALID_ARGUMENT for a signal that does not exist
   */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    if (!Object.hasOwn(os.constants.signals, signal)) {
      throw new UsageError('ERR_INVALID_ARGUMENT', `There is no signal '${signal}'. Pass a name such as 'SIGTERM'.`)
    }
    return this.alive ? this.#launched!.kill(signal) : false
  }

  /** Kills it, unless it is detached, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isStarted || this.#options.detached) return
    this.#isDisposed = true
    this.ref()
    this.kill()
    await this.#ended.promise.catch(() => {}) // join() reports errors
  }
}

function notStarted(what: string): UsageError {
  return new UsageError('ERR_INVALID_STATE', `This Process was not started. Call start() before ${what}.`)
}
