// Runs in: owner. Process: one job in one process of its own. It uses a server and does not know
// how the server starts processes.
import os from 'node:os'
import type { Duplex, Readable, Writable } from 'node:stream'
import { UsageError } from '../../errors.js'
import { rejected } from '../../promises/deferred.js'
import type { JobHead } from '../../wire/job.js'
import { encodeValue } from '../../wire/values/clone.js'
import type { Exit } from '../launch/exit.js'
import type { Launched, LaunchRequest } from '../launch/launcher.js'
import { checkNotImporting } from '../launch/self-start.js'
import { Program } from '../naming/program-reference.js'
import type { ArgumentsOf, Reference, ResultOf } from '../naming/remote.js'
import { ForkServer, launch } from '../server/fork-server.js'
import { Cutoff } from './cutoff.js'
import { joinWithin } from './join-timeout.js'
import type { WorkerMessages } from './messages-of-worker.js'
import { Messaging, useIpc } from './messaging.js'
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
import { ProcessRun } from './process-run.js'

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
  readonly #run: ProcessRun<ResultOf<R>>
  #isStarted = false
  #isDisposed = false

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
    this.#run = new ProcessRun({ isProgram: reference instanceof Program, limits: this.#options.limits })
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
    const startedAt = new Error()
    let cutoff: Cutoff | undefined
    try {
      const { timeout, signal } = this.#options
      if (timeout !== undefined || signal) cutoff = new Cutoff({ timeout, signal }, () => this.pid)
      const launched = await this.#launch(cutoff)
      this[useIpc](launched.ipc)
      this.#run.begin({ launched, startedAt, cutoff })
      if (this.#isDisposed) launched.kill('SIGKILL')
    } catch (error) {
      cutoff?.stop()
      this.#run.fail(error)
      throw error
    }
    return this
  }

  async #launch(cutoff: Cutoff | undefined): Promise<Launched> {
    cutoff?.signal.throwIfAborted()
    return cutoff ? cutoff.launched(this.#launchBy(cutoff.signal)) : this.#launchBy(undefined)
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

  /**
   * @internal `channelEnd` settles when the job channel has ended, which is before the exit is known. `isStale`: the
   * server was restarted since the process was started. `messages`: of the worker, on its job channel. `answered()`:
   * they have brought what its job is for, so it has no result.
   */
  get [forPool](): ForPool {
    const { channelEnd, messages, launched } = this.#run
    return { channelEnd, isStale: launched?.isStale() ?? false, messages, answered: () => this.#run.answered() }
  }

  /** Process id, once it is started. */
  get pid(): number | undefined {
    return this.#run.launched?.pid
  }

  /**
   * What the function returned, or its promise resolved to. Rejects with what it threw (class, message, code, own
   * properties, cause, and the stacks of both processes), or with ChildError ERR_CHILD_DIED or ERR_TIMEOUT, UsageError
   * ERR_NOT_EXPORTED or ERR_CANNOT_CLONE, ResourceError ERR_RESOURCE, TemplateError ERR_TEMPLATE_LOST, an AbortError,
   * or what start() threw. Before start() it rejects with UsageError ERR_INVALID_STATE.
   */
  get result(): Promise<ResultOf<R>> {
    return this.#isStarted ? this.#run.result : rejected(notStarted('result'))
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
    return this.#run.launched?.stdio ?? []
  }

  /** Whether it was started and has not ended. */
  get alive(): boolean {
    return this.#run.isAlive
  }

  /** Its exit code, once it has ended by itself. */
  get exitCode(): number | null {
    return this.#run.exit?.exitCode ?? null
  }

  /** The signal that ended it, once one did. */
  get signal(): NodeJS.Signals | null {
    return this.#run.exit?.signal ?? null
  }

  /**
   * With the option `recordModules`, once the process has ended: which modules of packages its own code has loaded
   * beyond its template, as file URLs. Undefined without the option, and if a signal ended the process.
   */
  get loadedModules(): readonly string[] | undefined {
    return this.#run.modules
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
    return timeout === undefined ? this.#run.ended : joinWithin(timeout, this.#run.ended, this.pid)
  }

  /** It keeps this process's event loop running until it ends. This is the default. */
  ref(): void {
    if (this.alive) this.#run.launched!.holdLoop(true)
  }

  /**
   * It no longer keeps this process's event loop running. A process that is not detached is killed when this one ends.
   * Streams of pipes have their own ref() and unref().
   */
  unref(): void {
    if (this.alive) this.#run.launched!.holdLoop(false)
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
    return this.alive ? this.#run.launched!.kill(signal) : false
  }

  /** Kills it, unless it is detached, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isStarted || this.#options.detached) return
    this.#isDisposed = true
    this.ref()
    this.kill()
    await this.#run.ended.catch(() => {}) // join() reports errors
  }
}

function notStarted(what: string): UsageError {
  return new UsageError('ERR_INVALID_STATE', `This Process was not started. Call start() before ${what}.`)
}
