// Runs in: owner. ForkServer: the public handle of a template, or of the start method `spawn` if there can be no
// template.
import { UsageError } from '../../errors.js'
import { type Native, native } from '../../platform/native.js'
import { checkNotBundled } from '../../platform/own-files.js'
import { abortError } from '../../promises/abort.js'
import { AuthKey } from '../../wire/auth/auth-key.js'
import type { ListenAddress, StartupConfig, TemplateReport } from '../../wire/startup.js'
import { ControlConnection } from '../launch/control-connection.js'
import { dial } from '../launch/dial.js'
import type { Launched, Launcher, LaunchRequest } from '../launch/launcher.js'
import { checkNotImporting } from '../launch/self-start.js'
import { TemplateLauncher } from '../launch/template-launcher.js'
import { startTemplate } from '../launch/template-process.js'
import { CannotFork } from '../launch/template-status.js'
import { addressOf, removeAddress, type Transport } from './control-address.js'
import { warnOfLeftOutFlags } from './flag-warnings.js'
import { flagsOfTemplate } from './node-flags.js'
import {
  type CheckedStart,
  type CloseOptions,
  type ConnectOptions,
  checkClose,
  checkConnect,
  checkStart,
  type StartOptions,
} from './server-options.js'
import { spawnLauncher, warnOfSpawn, withFallback } from './spawning.js'
import { type Choice, chooseStartMethod, type StartMethod } from './start-method.js'

/** The parts that start() and connect() make a server of. */
interface Parts {
  launcher: Launcher
  transport: Transport
  address: ListenAddress | null
  /** The server's own copy: it is destroyed when the server is closed. */
  key: AuthKey | undefined
}

/** The launcher of a server: for Process, not for users. */
export const launch = Symbol('launch')
/** Tells when a server begins to close: for Pool, whose idle workers would keep it open. */
export const onClose = Symbol('onClose')

let defaultServer: Promise<ForkServer> | undefined

/**
 * A fork server: a template process that has loaded a program's modules and forks ready children on request.
 *
 * @example
 * await using server = await ForkServer.start({ preload: [jobs.module], warmup: jobs.warmup })
 * const p = await new Process(jobs.render, [page], { server }).start()
 */
export class ForkServer implements AsyncDisposable {
  readonly #launcher: Launcher
  readonly #transport: Transport
  readonly #address: ListenAddress | null
  readonly #key: AuthKey | undefined
  readonly #launching = new Set<Promise<Launched>>()
  #template: { pid: number; report: TemplateReport | undefined } | undefined
  #closing: Promise<void> | undefined
  readonly #closeListeners = new Set<() => void>()

  private constructor(parts: Parts) {
    if (!parts?.launcher)
      throw new UsageError(
        'ERR_INVALID_STATE',
        'A ForkServer is made by `await ForkServer.start(options)`, not by new.',
      )
    this.#launcher = parts.launcher
    this.#transport = parts.transport
    this.#address = parts.address
    this.#key = parts.key
  }

  /**
   * Starts a template and waits until it is frozen. If fork does not work here, the server spawns instead. It says why,
   * once, on stderr (a process warning with the code FORKSERVER_SPAWN).
   *
   * @param options what the template loads, and how it runs
   * @returns the server, when it can start processes
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_UNSUPPORTED (the option transport, if the server
   *   spawns), ERR_INVALID_STATE (a module starts a server that preloads this module)
   * @throws TemplateError ERR_PRELOAD_FAILED (a preload module threw: it is the cause), ERR_UNFORKABLE (reasons lists
   *   why), ERR_TEMPLATE_START (also after startTimeout)
   * @throws ResourceError ERR_RESOURCE, ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG
   * @throws AbortError when the signal is aborted
   */
  static async start(options: StartOptions = {}): Promise<ForkServer> {
    const checked = checkStart(options)
    checkNotBundled()
    if (checked.signal?.aborted) throw abortError(checked.signal)
    checkNotImporting('ForkServer.start()', checked.preload)
    const choice: Choice =
      checked.startMethod === 'spawn'
        ? { startMethod: 'spawn', reason: 'the option startMethod asks for it' }
        : chooseStartMethod()
    return choice.startMethod === 'spawn'
      ? ForkServer.#spawning(choice.reason, checked)
      : ForkServer.#forking(choice.native, checked)
  }

  static #spawning(reason: string, options: CheckedStart): ForkServer {
    if (options.transport !== 'private') {
      const text = `Other processes can only reach a template (option transport), and there is none: ${reason}.`
      throw new UsageError('ERR_UNSUPPORTED', `${text} Leave the option transport out.`)
    }
    if (options.startMethod !== 'spawn') warnOfSpawn(reason)
    const launcher = spawnLauncher(options, reason)
    return new ForkServer({ launcher, transport: 'private', address: null, key: undefined })
  }

  static async #forking(native: Native, checked: CheckedStart): Promise<ForkServer> {
    const { preload, warmup, strict, settleMs, execArgv, startTimeout, templateTimeout, transport } = checked
    const env = { ...(checked.env ?? process.env) }
    const flags = flagsOfTemplate(execArgv, process.execArgv, env.NODE_OPTIONS)
    if (flags.loader) return ForkServer.#spawning(`the hooks of ${flags.loader} run in a thread`, checked)
    warnOfLeftOutFlags(flags)
    const key = AuthKey.generate()
    const address = addressOf(native, transport)
    const coverage = env.NODE_V8_COVERAGE || null
    const nodeOptions = env.NODE_OPTIONS ?? null
    const config: StartupConfig = { preload, warmup, listen: address, strict, settleMs, coverage, nodeOptions }
    let { signal: startSignal } = checked // it ends the first start only
    const forking = new TemplateLauncher(native, templateTimeout, async (lifeline, killing) => {
      const cwd = process.cwd()
      const signal = startSignal ? AbortSignal.any([startSignal, killing]) : killing
      startSignal = undefined
      const started = await startTemplate(native, { config, env, flags, key, lifeline, signal, startTimeout })
      const { ended } = started.process
      try {
        const fd = started.controlFd
        const connection = await ControlConnection.open({ native, fd, key, lifeline, ended, templateTimeout })
        server.#template = { pid: connection.templatePid, report: started.report }
        for (const warning of started.report.warnings)
          process.emitWarning(`Preloading left ${warning}`, { code: 'FORKSERVER_SUSPICIOUS' })
        return { connection, env, cwd, process: started.process, hasAddress: address !== null }
      } catch (error) {
        started.process.kill()
        throw error
      }
    })
    const launcher = withFallback(forking, checked)
    const server = new ForkServer({ launcher, transport, address, key })
    try {
      return await server.#whenReady(forking)
    } catch (error) {
      if (error instanceof CannotFork) return ForkServer.#spawning(error.reason, checked)
      throw error
    }
  }

  /**
   * Attaches to a template that another process started with the transport `path` or `abstract`,
   * and that passed on its address and key.
   *
   * @param address as the other server's `address` has it
   * @param key the other server's key: its `key.export()`
   * @param options `templateTimeout`, in milliseconds
   * @returns the server, when both sides have proved that they have the key
   * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT, ERR_PEER_REFUSED; ResourceError ERR_CONNECT,
   *   ERR_ADDRESS_TOO_LONG; UsageError ERR_INVALID_ARGUMENT, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_UNSUPPORTED
   */
  static async connect(
    address: ListenAddress,
    key: AuthKey | Uint8Array,
    options: ConnectOptions = {},
  ): Promise<ForkServer> {
    const checked = checkConnect(address, key, options)
    const { templateTimeout } = checked
    const choice = chooseStartMethod()
    if (choice.startMethod === 'spawn')
      throw new UsageError('ERR_UNSUPPORTED', `There is no template to connect to: ${choice.reason}.`)
    const { native } = choice
    const forking = new TemplateLauncher(native, templateTimeout, async (lifeline, signal) => {
      const fd = await dial(native, address, signal)
      const options = { native, fd, key: checked.key, lifeline, ended: undefined, templateTimeout }
      const connection = await ControlConnection.open(options)
      server.#template = { pid: connection.templatePid, report: undefined }
      // The template started with the environment and working directory of another process. So
      // each job carries both in full.
      return { connection, env: undefined, cwd: undefined, process: undefined, hasAddress: true }
    })
    const launcher = withFallback(forking, { preload: [], execArgv: undefined })
    const server = new ForkServer({ launcher, transport: 'private', address, key: checked.key })
    return server.#whenReady(forking)
  }

  async #whenReady(launcher: TemplateLauncher): Promise<this> {
    try {
      await launcher.ready()
      return this
    } catch (error) {
      await this.close({ children: 'kill' })
      throw error
    }
  }

  /**
   * The server that processes without the option `server` use. It is started at first use. If it
   * was closed, the next use starts a new one.
   *
   * @returns the server
   */
  static async default(): Promise<ForkServer> {
    for (;;) {
      const starting = (defaultServer ??= ForkServer.start())
      try {
        const server = await starting
        if (!server.#closing) return server
      } catch (error) {
        if (defaultServer === starting) defaultServer = undefined
        throw error
      }
      if (defaultServer === starting) defaultServer = undefined
    }
  }

  /** Why this server does not fork, or undefined if it does. */
  get spawnReason(): string | undefined {
    return this.#launcher.reason
  }

  /** How many forked children crashed (SIGSEGV, SIGBUS, SIGILL, SIGTRAP) before they began their jobs. */
  get crashes(): number {
    return this.#launcher.crashes ?? 0
  }

  /** How processes of this server start. */
  get startMethod(): StartMethod {
    return this.#launcher.startMethod
  }

  /** Process id of the template, or undefined for `spawn`. */
  get pid(): number | undefined {
    return this.startMethod === 'spawn' ? undefined : this.#template?.pid
  }

  /** What the template held when it was frozen. Undefined for `spawn` and for a server that another process started. */
  get report(): TemplateReport | undefined {
    return this.#template?.report
  }

  /** The address at which other processes reach this server, or null for a private one. */
  get address(): ListenAddress | null {
    return this.#address
  }

  /**
   * The secret that other processes need to reach this server; `key.export()` gives its bytes. Undefined for `spawn`.
   * It is destroyed when this server is closed.
   */
  get key(): AuthKey | undefined {
    return this.#key
  }

  /** @internal For Process. */
  async [launch](request: LaunchRequest): Promise<Launched> {
    if (this.#closing) throw new UsageError('ERR_INVALID_STATE', 'This server is closed. Start a new one.')
    const launching = this.#launcher.launch(request)
    this.#launching.add(launching)
    try {
      return await launching
    } finally {
      this.#launching.delete(launching)
    }
  }

  /** @internal For Pool. The listener is called when close() is. Returns a function that removes it. */
  [onClose](listener: () => void): () => void {
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  /**
   * Closes the server; no process can be started any more. The template leaves, and detached processes live on.
   *
   * @param options `children`: `wait` (the default) for the processes of this server to end, or `kill` them
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { children } = checkClose(options)
    if (children === 'kill') this.#launcher.killAttached()
    if (!this.#closing) {
      this.#closing = this.#close()
      for (const listener of this.#closeListeners) listener()
    }
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#launching) // processes that were asked for before still start
    await this.#launcher.close()
    this.#key?.destroy()
    if (this.#address) removeAddress(native(), this.#transport, this.#address)
  }

  /** Kills the processes that still run, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ children: 'kill' })
  }
}
