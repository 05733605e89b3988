// Runs in: owner. Process: one job in one process of its own. It is given a server and does not know how that starts processes.
import type { Socket } from 'node:net'
import os from 'node:os'
import type { Duplex, Readable, Writable } from 'node:stream'
import { ChildError, UsageError } from '../../errors.js'
import { abortError } from '../../promises/abort.js'
import { defer } from '../../promises/deferred.js'
import type { JobHead } from '../../wire/job.js'
import { encodeValue } from '../../wire/values/clone.js'
import type { Exit } from '../launch/exit.js'
import type { Launched } from '../launch/launcher.js'
import { checkArgv, Program } from '../naming/program-reference.js'
import { type ArgumentsOf, isReference, type Reference, type ResultOf } from '../naming/remote.js'
import { ForkServer, launch } from '../server/fork-server.js'
import { hear } from './job-channel-reader.js'
import { orAbort } from './launch-abort.js'
import { Outcome } from './outcome.js'
import {
  type CheckedProcess,
  checkJoin,
  checkProcess,
  type JoinOptions,
  type ProcessOptions,
} from './process-options.js'

/** Settles when the job channel of a process has ended, which is before its exit is known: for Pool. */
export const channelEnd = Symbol('channelEnd')

/**
 * One job in a process of its own.
 *
 * @example
 * const p = new Process(jobs.render, [page], { server, timeout: 5_000 })
 * await p.start()
 * const html = await p.result
 * const { exitCode } = await p.join()
 */
export class Process<R extends Reference | Program = Reference> implements AsyncDisposable {
  readonly #reference: R
  readonly #args: ArgumentsOf<R>
  readonly #options: CheckedProcess
  readonly #result = defer<ResultOf<R>>()
  readonly #ended = defer<Exit>()
  readonly #cleanUps: (() => void)[] = []
  readonly #channelEnd = defer<void>()
  #outcome: Outcome | undefined
  #launched: Launched | undefined
  #isStarted = false
  #isDisposed = false
  /** Where start() was called. Its stack is text only once it is read, and only an error needs that. */
  #startedAt: Error | undefined

  /**
   * @param reference the function to run, from remote(); or the program, from program()
   * @param args its arguments; those of a function are structured-cloned at start(), those of a program are strings
   * @throws UsageError ERR_INVALID_ARGUMENT, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
   */
  constructor(reference: R, args: ArgumentsOf<R>, options: ProcessOptions = {}) {
    if (!isReference(reference) && !(reference instanceof Program))
      throw new UsageError(
        'ERR_INVALID_ARGUMENT',
        'A Process takes a reference to an exported function, remote(moduleUrl).name, or a program(file).',
      )
    if (!Array.isArray(args))
      throw new UsageError(
        'ERR_INVALID_ARGUMENT',
        'The arguments of a Process must be an array: new Process(jobs.render, [page]).',
      )
    if (reference instanceof Program) checkArgv(args)
    this.#reference = reference
    this.#args = args
    this.#options = checkProcess(options)
  }

  /**
   * Starts the process. Resolves as soon as it exists; the job may still be on its way.
   *
   * @throws UsageError ERR_INVALID_STATE (started before), ERR_CANNOT_CLONE (an argument, by path)
   * @throws ResourceError ERR_RESOURCE (EAGAIN, ENOMEM, EMFILE); TemplateError ERR_TEMPLATE_LOST, ERR_TEMPLATE_START
   * @throws AbortError when the signal is aborted
   */
  async start(): Promise<this> {
    if (this.#isStarted)
      throw new UsageError('ERR_INVALID_STATE', 'A Process starts once. Make a new one for another run.')
    this.#isStarted = true
    this.#startedAt = new Error()
    try {
      await this.#launch()
    } catch (error) {
      this.#result.reject(error)
      this.#ended.reject(error)
      throw error
    }
    return this
  }

  async #launch(): Promise<void> {
    const { cwd = process.cwd(), env = process.env, stdio, detached, killTree, limits, signal } = this.#options
    if (signal?.aborted) throw abortError(signal)
    const args = encodeValue(this.#args, 'arguments')
    const reference = this.#reference
    const isProgram = reference instanceof Program
    const task = isProgram ? { program: reference.head } : { module: reference.module, name: reference.name }
    const head: JobHead = { ...task }
    if (limits.memory !== undefined) head.heapLimit = limits.memory
    if (limits.cpuSeconds !== undefined) head.cpuSeconds = limits.cpuSeconds
    if (limits.openFiles !== undefined) head.openFiles = limits.openFiles
    for (const name of ['uid', 'gid', 'umask', 'nice'] as const) {
      if (this.#options[name] !== undefined) head[name] = this.#options[name]
    }
    const server = this.#options.server ?? (await ForkServer.default())
    const outcome = new Outcome({ isProgram })
    this.#outcome = outcome
    const follow = (channel: Socket): void => {
      channel.once('close', () => this.#channelEnd.resolve())
      hear(channel, outcome, {
        site: () => ({
          ownerStack: this.#startedAt?.stack,
          where: this.pid === undefined ? 'the child' : `process ${this.pid}`,
        }),
        onFailure: () => this.#launched?.kill('SIGKILL'),
        onNews: () => this.#settle(outcome),
      })
    }
    const launched = await orAbort(server[launch]({ stdio, detached, killTree, cwd, env, head, args, follow }), signal)
    this.#launched = launched
    outcome.started(launched.pid)
    if (this.#isDisposed) launched.kill('SIGKILL')
    launched.exited
      .then(
        (exit) => outcome.exited(exit),
        (error: unknown) => outcome.exitLost(error),
      )
      .finally(() => this.#settle(outcome))
    this.#watchLimits(launched, outcome)
  }

  #watchLimits(launched: Launched, outcome: Outcome): void {
    const { timeout, signal } = this.#options
    const endBecause = (error: unknown): void => {
      outcome.answered({ error })
      launched.kill('SIGKILL')
      this.#settle(outcome)
    }
    if (timeout !== undefined) {
      const text = `Process ${launched.pid} was killed after its timeout of ${timeout} ms. Give it more time, or less to do.`
      const timer = setTimeout(
        () => endBecause(new ChildError('ERR_TIMEOUT', text, { pid: launched.pid, signal: 'SIGKILL' })),
        timeout,
      )
      this.#cleanUps.push(() => clearTimeout(timer))
    }
    if (signal) {
      const abort = (): void => endBecause(abortError(signal))
      if (signal.aborted) abort()
      else signal.addEventListener('abort', abort, { once: true })
      this.#cleanUps.push(() => signal.removeEventListener('abort', abort))
    }
  }

  #settle(outcome: Outcome): void {
    const answer = outcome.answer
    if (answer && 'error' in answer) this.#result.reject(answer.error)
    else if (answer) this.#result.resolve(answer.value as ResultOf<R>)
    const end = outcome.end
    if (!end) return
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp()
    if ('exit' in end) this.#ended.resolve(end.exit)
    else this.#ended.reject(end.error)
  }

  /** @internal For Pool. */
  get [channelEnd](): Promise<void> {
    return this.#channelEnd.promise
  }

  /** Process id, once it is started. */
  get pid(): number | undefined {
    return this.#launched?.pid
  }

  /**
   * What the function returned, or its promise resolved to. Rejects with what it threw (class, message, code, own properties,
   * cause, and the stacks of both processes), or with ChildError ERR_CHILD_DIED or ERR_TIMEOUT, UsageError ERR_NOT_EXPORTED or
   * ERR_CANNOT_CLONE, ResourceError ERR_RESOURCE, TemplateError ERR_TEMPLATE_LOST, an AbortError, or what start() threw.
   */
  get result(): Promise<ResultOf<R>> {
    return this.#result.promise
  }

  /** Writes to its stdin where stdio asks for a pipe, else null. */
  get stdin(): Writable | null {
    return this.#launched?.stdio[0] ?? null
  }

  /** Reads its stdout where stdio asks for a pipe, else null. */
  get stdout(): Readable | null {
    return this.#launched?.stdio[1] ?? null
  }

  /** Reads its stderr where stdio asks for a pipe, else null. */
  get stderr(): Readable | null {
    return this.#launched?.stdio[2] ?? null
  }

  /** All of its pipes by descriptor: stdin, stdout, stderr and what else stdio asks for (to read and to write); null for what is no pipe. */
  get stdio(): readonly (Duplex | null)[] {
    return this.#launched?.stdio ?? []
  }

  /** Whether it was started and has not ended. */
  get alive(): boolean {
    return this.#launched !== undefined && !this.#outcome!.isOver
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
    const end = this.#outcome?.end
    return end && 'exit' in end ? end.exit : undefined
  }

  /**
   * Waits for its end.
   *
   * @param options.timeout how long, in milliseconds; the process goes on after it
   * @throws ChildError ERR_TIMEOUT; TemplateError ERR_TEMPLATE_LOST where the exit cannot be known; what start() threw;
   *   UsageError ERR_INVALID_STATE before start()
   */
  async join(options: JoinOptions = {}): Promise<Exit> {
    const { timeout } = checkJoin(options)
    if (!this.#isStarted)
      throw new UsageError('ERR_INVALID_STATE', 'This Process was not started. Call start() before join().')
    if (timeout === undefined) return this.#ended.promise
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const text = `Process ${this.pid} did not end within ${timeout} ms; it goes on. Join again, or call kill().`
      timer = setTimeout(() => reject(new ChildError('ERR_TIMEOUT', text, { pid: this.pid })), timeout)
    })
    return Promise.race([this.#ended.promise, late]).finally(() => clearTimeout(timer))
  }

  /** It keeps this process's event loop running until it ends, as it does at first. */
  ref(): void {
    if (this.alive) this.#launched!.holdLoop(true)
  }

  /**
   * It no longer keeps this process's event loop running. A process that is not detached is killed when this one ends. Streams of pipes have
   * their own ref() and unref().
   */
  unref(): void {
    if (this.alive) this.#launched!.holdLoop(false)
  }

  /** Sends SIGTERM. Returns false if there is no process that could be told. */
  terminate(): boolean {
    return this.kill('SIGTERM')
  }

  /** Sends a signal, SIGKILL by default. Returns false if there is no process that could be told.
   *
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
    await this.#ended.promise.catch(() => {}) // whoever wants to know joins
  }
}
