// Runs in: owner. ForkServer: the public handle of a template, or of the start method `spawn` where there can be no template.

import { UsageError } from '../../errors.js'
import { check, type Native, native } from '../../platform/native.js'
import { abortError } from '../../promises/abort.js'
import { AuthKey } from '../../wire/auth/auth-key.js'
import type { ListenAddress, StartupConfig, TemplateReport } from '../../wire/startup.js'
import { ControlConnection } from '../launch/control-connection.js'
import type { Launched, Launcher, LaunchRequest } from '../launch/launcher.js'
import { SpawnLauncher } from '../launch/spawn-launcher.js'
import { TemplateLauncher } from '../launch/template-launcher.js'
import { addressError, CannotFork, fateOf, startTemplate } from '../launch/template-process.js'
import { addressOf, removeAddress, type Transport } from './control-address.js'
import { type CloseOptions, checkClose, checkConnect, checkStart, type StartOptions } from './server-options.js'
import { type Choice, chooseStartMethod, findRefusedFlag, type StartMethod } from './start-method.js'

interface Parts {
  launcher: Launcher
  transport: Transport
  address: ListenAddress | null
  key: AuthKey | undefined
  reason: string | undefined
}

/** The launcher of a server: for Process, not for users. */
export const launch = Symbol('launch')
/** Tells when a server begins to close: for Pool, whose idle workers would keep it open. */
export const onClose = Symbol('onClose')

let defaultServer: Promise<ForkServer> | undefined
let saidWhySpawn = false

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
  /** Why this server does not fork, or undefined where it does. */
  readonly spawnReason: string | undefined

  private constructor(parts: Parts) {
    this.#launcher = parts.launcher
    this.#transport = parts.transport
    this.#address = parts.address
    this.#key = parts.key
    this.spawnReason = parts.reason
  }

  /**
   * Starts a template and waits until it is frozen. Where fork does not work the server spawns instead, and says why, once, on
   * stderr (a process warning with the code FORKSERVER_SPAWN).
   *
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_UNSUPPORTED
   * @throws TemplateError ERR_PRELOAD_FAILED (a preload module threw: it is the cause), ERR_UNFORKABLE (reasons lists why),
   *   ERR_TEMPLATE_START
   * @throws ResourceError ERR_RESOURCE, ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG
   * @throws AbortError when the signal is aborted
   */
  static async start(options: StartOptions = {}): Promise<ForkServer> {
    const checked = checkStart(options)
    if (checked.signal?.aborted) throw abortError(checked.signal)
    const choice: Choice =
      checked.startMethod === 'spawn'
        ? { startMethod: 'spawn', reason: 'the option startMethod asks for it' }
        : chooseStartMethod()
    if (choice.startMethod === 'spawn') return ForkServer.#spawning(choice.reason, checked)
    const { native } = choice
    const env = { ...(checked.env ?? process.env) }
    const refused = findRefusedFlag(checked.execArgv, env)
    if (refused)
      throw new UsageError(
        'ERR_INVALID_OPTION',
        `A template cannot run with ${refused}. Leave it out of execArgv and NODE_OPTIONS.`,
      )
    const key = AuthKey.generate()
    const address = addressOf(native, checked.transport)
    let server: ForkServer
    const { preload, warmup, strict, settleMs } = checked
    const config: StartupConfig = {
      preload,
      warmup,
      listen: address,
      strict,
      settleMs,
      coverage: env.NODE_V8_COVERAGE || null,
    }
    let isFirst = true
    const launcher = new TemplateLauncher(native, async (lifeline) => {
      const cwd = process.cwd()
      const signal = isFirst ? checked.signal : undefined
      isFirst = false
      const started = await startTemplate(native, { config, env, execArgv: checked.execArgv, key, lifeline, signal })
      const ended = new Promise<string>((resolve) =>
        started.process.once('exit', (code, by) => resolve(fateOf(code, by))),
      )
      const connection = await ControlConnection.open(native, started.controlFd, key, lifeline, ended)
      server.#template = { pid: connection.templatePid, report: started.report }
      for (const warning of started.report.warnings)
        process.emitWarning(`Preloading left ${warning}`, { code: 'FORKSERVER_SUSPICIOUS' })
      return { connection, env, cwd, process: started.process, ended, hasAddress: address !== null }
    })
    server = new ForkServer({ launcher, transport: checked.transport, address, key, reason: undefined })
    try {
      await launcher.ready()
    } catch (error) {
      await server.close({ children: 'kill' })
      if (error instanceof CannotFork) return ForkServer.#spawning(error.reason, checked)
      throw error
    }
    return server
  }

  static #spawning(reason: string, options: ReturnType<typeof checkStart>): ForkServer {
    if (options.startMethod !== 'spawn' && !saidWhySpawn) {
      saidWhySpawn = true
      process.emitWarning(`Processes are spawned, not forked: ${reason}.`, { code: 'FORKSERVER_SPAWN' })
    }
    const launcher = new SpawnLauncher({ preload: options.preload, execArgv: options.execArgv })
    return new ForkServer({ launcher, transport: 'private', address: null, key: undefined, reason })
  }

  /**
   * Attaches to a template that another process started with the transport `path` or `abstract`, and that handed over its address
   * and key.
   *
   * @param address as the other server's `address` has it
   * @param key the other server's key: its `key.export()`
   * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT, ERR_PEER_REFUSED; ResourceError ERR_CONNECT, ERR_ADDRESS_TOO_LONG;
   *   UsageError ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED
   */
  static async connect(address: ListenAddress, key: AuthKey | Uint8Array): Promise<ForkServer> {
    const checked = checkConnect(address, key)
    const choice = chooseStartMethod()
    if (choice.startMethod === 'spawn')
      throw new UsageError('ERR_UNSUPPORTED', `There is no template to connect to: ${choice.reason}.`)
    let server: ForkServer
    const launcher = new TemplateLauncher(choice.native, async (lifeline) => {
      const fd = dial(choice.native, address)
      const connection = await ControlConnection.open(choice.native, fd, checked.key, lifeline, undefined)
      server.#template = { pid: connection.templatePid, report: undefined }
      // What the template started with is its starter's: the whole environment and the working directory travel with each job.
      return { connection, env: undefined, cwd: undefined, process: undefined, ended: undefined, hasAddress: true }
    })
    server = new ForkServer({ launcher, transport: 'private', address, key: checked.key, reason: undefined })
    try {
      await launcher.ready()
    } catch (error) {
      await server.close({ children: 'kill' })
      throw error
    }
    return server
  }

  /** The server that processes without the option `server` use. It is started at first use, and started anew once it was closed. */
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

  /** How processes of this server start. */
  get startMethod(): StartMethod {
    return this.#launcher.startMethod
  }

  /** Process id of the template, or undefined where there is none. */
  get pid(): number | undefined {
    return this.#template?.pid
  }

  /** What the template held when it was frozen; undefined for `spawn` and for a server that another process started. */
  get report(): TemplateReport | undefined {
    return this.#template?.report
  }

  /** Where others reach this server, or null for a private one. */
  get address(): ListenAddress | null {
    return this.#address
  }

  /** The secret that others need to reach this server: hand it over by `key.export()`. Undefined for `spawn`. */
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

  /**
   * @internal For Pool.
   * @param listener is called when close() is called
   * @returns what takes the listener away again
   */
  [onClose](listener: () => void): () => void {
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  /**
   * Closes the server; no process can be started any more. The template leaves, and detached processes live on.
   *
   * @param options.children `wait` (the default) for the processes of this server to end, or `kill` them
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
    await Promise.allSettled(this.#launching) // what was asked for before the close still starts
    await this.#launcher.close()
    if (this.#address) removeAddress(native(), this.#transport, this.#address)
  }

  /** Kills what still runs, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ children: 'kill' })
  }
}

function dial(native: Native, address: ListenAddress): number {
  const [name, isAbstract] = 'abstract' in address ? [address.abstract, 1] : [address.path, 0]
  const fd = native.connect(Buffer.from(name), isAbstract)
  if (fd < 0) throw addressError('connect', -fd, address)
  return check('connect', fd)
}
