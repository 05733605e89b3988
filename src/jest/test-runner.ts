// Runs in: owner, inside jest. The runner of forkserver/jest: jest asks it to run test files, and each is run in a
// process of its own that a template has forked.
import { remote } from '../owner/naming/remote.js'
import { ForkServer } from '../owner/server/fork-server.js'
import type { StartOptions } from '../owner/server/server-options.js'
import { ownFile } from '../platform/own-files.js'
import type { GlobalConfig, RunnerContext, Test, TestRunner, Watcher } from './child/jest-types.js'
import type { FileReport, Preparation } from './child/test-files.js'
import { runTestFile } from './file-process.js'
import { findJestRunner, type JestRunner } from './jest-modules.js'
import { KnownModules } from './known-modules.js'
import { preparationOf } from './preparation.js'
import { checkRunnerOptions, type ForkserverRunnerOptions } from './runner-settings.js'

const testFiles = remote<typeof import('./child/test-files.js')>(ownFile('jest/child/test-files.js'))

type Listener = (args: never) => unknown

/** Fewer files than this for each process are not worth another template. */
const WORTH_FILES = 8

const WARNING = { code: 'FORKSERVER_JEST' }

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
    this.#known = new KnownModules(globalConfig.rootDir, this.#jest.version)
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
      await this.#runForked(tests, watcher)
    } finally {
      this.#starting.abort()
      await this.#next
      await Promise.all([...this.#retired, this.#server.close({ children: 'kill' })])
    }
  }

  /** Whether jest's own runner has to do it: a debugger and --detectOpenHandles look at jest's own process. */
  get #isPlain(): boolean {
    const { detectOpenHandles, workerThreads } = this.#globalConfig
    return process.env.FORKSERVER === 'off' || detectOpenHandles || workerThreads === true
  }

  async #runPlain(tests: readonly Test[], watcher: Watcher, options: { serial: boolean }): Promise<void> {
    const runner = new this.#jest.Runner(this.#globalConfig, this.#context)
    for (const [event, listeners] of this.#listeners) for (const listener of listeners) runner.on(event, listener)
    await runner.runTests(tests, watcher, options)
  }

  /** Starts a template. Undefined if there can be none: then jest's own runner does it. */
  async #start(tests: readonly Test[]): Promise<ForkServer | undefined> {
    // A package may look, while it is loaded, whether jest runs it.
    const env = { ...process.env, JEST_WORKER_ID: '1' }
    const options = { preload: [testFiles.module], strict: false, env, signal: this.#starting.signal }
    const warmup = { call: testFiles.prepare, args: [this.#preparation(tests)] }
    try {
      const server = await ForkServer.start({ ...options, warmup } as StartOptions)
      if (server.startMethod === 'forkserver') return server
      await server.close()
    } catch (error) {
      if (this.#starting.signal.aborted) return undefined
      const { message, cause } = error as Error
      const detail = cause instanceof Error && cause.stack ? { detail: cause.stack } : {}
      process.emitWarning(`Test files run in jest's own processes: ${message}`, { ...WARNING, ...detail })
    }
    return undefined
  }

  #preparation(tests: readonly Test[]): Preparation {
    const [globalConfig, context, modules] = [this.#globalConfig, this.#context, this.#known.paths]
    return preparationOf(tests, { jest: this.#jest, globalConfig, context, modules })
  }

  async #runForked(tests: readonly Test[], watcher: Watcher): Promise<void> {
    this.#left = tests.length
    const interruption = new AbortController()
    watcher.on('change', ({ interrupted }) => {
      if (interrupted) interruption.abort()
    })
    const waiting = tests.values()
    const work = async (slot: number): Promise<void> => {
      for (const test of waiting) {
        if (watcher.isInterrupted()) return
        await this.#emit('test-file-start', [test])
        const report = await this.#runOne(test, slot, interruption.signal)
        this.#left--
        if (report && this.#known.learn(report.modules, report.struck)) this.#renew(tests)
      }
    }
    await Promise.all(Array.from({ length: this.#globalConfig.maxWorkers }, (_, index) => work(index + 1)))
  }

  async #runOne(test: Test, slot: number, signal: AbortSignal): Promise<FileReport | undefined> {
    const onEvent = (name: string, args: unknown): Promise<void> => this.#emit(name, args)
    const { fileTimeout } = this.#options
    try {
      const { result, report } = await runTestFile(test, { slot, server: this.#server!, signal, fileTimeout, onEvent })
      await this.#emit('test-file-success', [test, result])
      return report
    } catch (error) {
      await this.#emit('test-file-failure', [test, error])
      return undefined
    }
  }

  /** Starts a template that has loaded more, behind the back of the run, if enough files are left for it. */
  #renew(tests: readonly Test[]): void {
    if (this.#next || this.#left < WORTH_FILES * this.#globalConfig.maxWorkers) return
    this.#next = this.#start(tests).then((server) => {
      if (!server) return
      this.#retired.push(this.#server!.close())
      this.#server = server
    })
  }
}
