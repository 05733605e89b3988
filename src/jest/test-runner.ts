// Runs in: owner, inside jest. The runner of forkserver/jest: jest asks it to run test files, and each is run in a
// process of its own that a template has forked.
import { createRequire } from 'node:module'
import { TemplateError } from '../errors.js'
import { remote } from '../owner/naming/remote.js'
import { ForkServer } from '../owner/server/fork-server.js'
import type { StartOptions } from '../owner/server/server-options.js'
import { ownFile } from '../platform/own-files.js'
import type { GlobalConfig, RunnerContext, Test, TestRunner, Watcher } from './child/jest-types.js'
import type { FileReport } from './child/test-files.js'
import { NotStarted, runTestFile } from './file-process.js'
import { findJestRunner, type JestRunner } from './jest-modules.js'
import { KnownModules } from './known-modules.js'
import { preparationOf } from './preparation.js'
import { checkRunnerOptions, type ForkserverRunnerOptions } from './runner-settings.js'

const testFiles = remote<typeof import('./child/test-files.js')>(ownFile('jest/child/test-files.js'))

type Listener = (args: never) => unknown

/** Fewer files than this for each process are not worth another template. */
const WORTH_FILES = 8

const WARNING = { code: 'FORKSERVER_JEST' }

/** A file that failed tells nothing. */
const NOTHING: FileReport = { result: new Uint8Array(), modules: [], struck: [] }

/**
 * jest's runner on forked processes: `runner: 'forkserver/jest'` in the configuration of jest.
 *
 * @example
 * // jest.config.js
 * export default { runner: ['forkserver/jest', { fileTimeout: 60_000 }] }
 */
export default class ForkserverTestRunner implements TestRunner {
  /** jest gets the results as events. */
  readonly supportsEventEmitters = true
  readonly #globalConfig: GlobalConfig
  readonly #context: RunnerContext
  readonly #options: ForkserverRunnerOptions
  readonly #jest: JestRunner
  readonly #known: KnownModules
  readonly #starting = new AbortController()
  #server: ForkServer | undefined
  /** The modules that it has loaded, or tried to. */
  #loaded: readonly string[] = []
  /** The start of a template that has loaded more. There is one at most. */
  #next: Promise<void> | undefined
  readonly #retired: Promise<void>[] = []
  /** How many files are left to run. */
  #left = 0
  readonly #listeners = new Map<string, Set<Listener>>()

  /**
   * jest calls it.
   *
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_UNSUPPORTED
   */
  constructor(globalConfig: GlobalConfig, context: RunnerContext, options: ForkserverRunnerOptions = {}) {
    this.#globalConfig = globalConfig
    this.#context = context
    this.#options = checkRunnerOptions(options)
    this.#jest = findJestRunner(globalConfig.rootDir)
    this.#known = new KnownModules(globalConfig.rootDir, this.#jest.version, this.#options.learn)
  }

  /** jest calls it: listens to `test-file-start`, `test-file-success` and others. Returns what removes the listener. */
  on(event: string, listener: (args: never) => unknown): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  async #emit(event: string, args: unknown): Promise<void> {
    for (const listener of this.#listeners.get(event) ?? []) await listener(args as never)
  }

  /** jest calls it: runs test files. Resolves when all have been run, or when the run was interrupted. */
  async runTests(tests: readonly Test[], watcher: Watcher, options: { serial: boolean }): Promise<void> {
    const server = this.#isPlain ? undefined : await this.#start(tests)
    if (!server) return this.#runPlain(tests, watcher, options)
    this.#server = server
    try {
      await this.#runForked(tests, watcher, options)
    } finally {
      this.#starting.abort()
      await this.#next
      await Promise.all([...this.#retired, this.#server.close({ children: 'kill' })])
    }
  }

  /** Whether jest's own runner has to do it: a debugger and --detectOpenHandles look at jest's own process. */
  get #isPlain(): boolean {
    const { detectOpenHandles, workerThreads } = this.#globalConfig
    return process.env.FORKSERVER === 'off' || detectOpenHandles || workerThreads === true || isDebugged()
  }

  async #runPlain(tests: readonly Test[], watcher: Watcher, options: { serial: boolean }): Promise<void> {
    const runner = new this.#jest.Runner(this.#globalConfig, this.#context)
    for (const [event, listeners] of this.#listeners) for (const listener of listeners) runner.on(event, listener)
    await runner.runTests(tests, watcher, options)
  }

  /** The first template. Undefined if there can be none: then jest's own runner does it. */
  async #start(tests: readonly Test[]): Promise<ForkServer | undefined> {
    const modules = this.#known.paths
    try {
      return await this.#startWith(tests, modules)
    } catch (error) {
      if (this.#starting.signal.aborted) return undefined
      if (modules.length > 0) return this.#startWithout(modules, tests, error)
      this.#warn(error)
      return undefined
    }
  }

  /** With the modules it could not be started. If it can without them, one of them is to blame. */
  async #startWithout(
    modules: readonly string[],
    tests: readonly Test[],
    why: unknown,
  ): Promise<ForkServer | undefined> {
    try {
      const server = await this.#startWith(tests, [])
      if (server) this.#blame(modules, why)
      return server
    } catch (error) {
      if (!this.#starting.signal.aborted) this.#warn(error)
      return undefined
    }
  }

  /**
   * Nobody knows which of them it was: all are loaded by one call. So the half that was learnt last is struck off, and
   * the next run tries the rest. A start may also fail because it took too long, or for want of memory: next time it
   * may not.
   */
  #blame(modules: readonly string[], error: unknown): void {
    if (!(error instanceof TemplateError) || error.findings.length === 0) return
    this.#known.strike(modules.slice(modules.length >> 1), error.findings[0]!.what)
  }

  #warn(error: unknown): void {
    const { message, cause } = error as Error
    const detail = cause instanceof Error && cause.stack ? { detail: cause.stack } : {}
    process.emitWarning(`Test files run in jest's own processes: ${message}`, { ...WARNING, ...detail })
  }

  /** Starts a template. Undefined if this machine cannot fork. */
  async #startWith(tests: readonly Test[], modules: readonly string[]): Promise<ForkServer | undefined> {
    // A package may look, while it is loaded, whether jest runs it.
    const env = { ...process.env, JEST_WORKER_ID: '1' }
    const options = { preload: [testFiles.module], strict: false, env, signal: this.#starting.signal }
    const [globalConfig, context] = [this.#globalConfig, this.#context]
    const preparation = preparationOf(tests, { jest: this.#jest, globalConfig, context, modules })
    const warmup = { call: testFiles.prepare, args: [preparation] }
    const server = await ForkServer.start({ ...options, warmup } as StartOptions)
    if (server.startMethod === 'forkserver') {
      this.#loaded = modules
      return server
    }
    await server.close()
    return undefined
  }

  async #runForked(tests: readonly Test[], watcher: Watcher, options: { serial: boolean }): Promise<void> {
    this.#left = tests.length
    const interruption = new AbortController()
    watcher.on('change', ({ interrupted }) => {
      if (interrupted) interruption.abort()
    })
    const waiting = tests.values()
    const unstarted: Test[] = []
    const work = async (slot: number): Promise<void> => {
      for (const test of waiting) {
        if (watcher.isInterrupted()) return
        const report = unstarted.length === 0 && (await this.#runOne(test, slot, interruption.signal))
        this.#left--
        if (!report) unstarted.push(test)
        else if (this.#known.learn(report.modules, report.struck)) this.#renew(tests)
      }
    }
    await Promise.all(Array.from({ length: this.#globalConfig.maxWorkers }, (_, index) => work(index + 1)))
    if (unstarted.length > 0 && !watcher.isInterrupted()) await this.#runPlain(unstarted, watcher, options)
  }

  /** Undefined if no process could be started for it. */
  async #runOne(test: Test, slot: number, signal: AbortSignal): Promise<FileReport | undefined> {
    const onStart = (): Promise<void> => this.#emit('test-file-start', [test])
    const onEvent = (name: string, args: unknown): Promise<void> => this.#emit(name, args)
    const options = { slot, server: this.#server!, signal, fileTimeout: this.#options.fileTimeout, onStart, onEvent }
    try {
      const { result, report } = await runTestFile(test, options)
      await this.#emit('test-file-success', [test, result])
      return report
    } catch (error) {
      if (error instanceof NotStarted && !signal.aborted) {
        this.#warn(error.cause)
        return undefined
      }
      await this.#emit('test-file-failure', [test, error instanceof NotStarted ? error.cause : error])
      return NOTHING
    }
  }

  /** Starts a template that has loaded more, behind the back of the run, if enough files are left for it. */
  #renew(tests: readonly Test[]): void {
    if (this.#next || this.#left < WORTH_FILES * this.#globalConfig.maxWorkers) return
    const before = this.#loaded
    const modules = this.#known.paths
    this.#next = this.#startWith(tests, modules).then(
      (server) => {
        if (!server) return
        this.#retired.push(this.#server!.close())
        this.#server = server
      },
      // The template before goes on.
      (error) =>
        this.#blame(
          modules.filter((module) => !before.includes(module)),
          error,
        ),
    )
  }
}

/** Whether a debugger is attached, or waited for. A Node may be built without its inspector. */
function isDebugged(): boolean {
  if (!process.features.inspector) return false
  const { url } = createRequire(import.meta.url)('node:inspector') as typeof import('node:inspector')
  return url() !== undefined
}
