// Runs in: owner. ForkServer: the public handle of a template, or of the start method `spawn` if there can be no
// template.
import { UsageError } from '../../errors.js'
import { native } from '../../platform/native.js'
import { checkNotBundled } from '../../platform/own-files.js'
import { abortError } from '../../promises/abort.js'
import type { AuthKey } from '../../wire/auth/auth-key.js'
import type { ListenAddress, TemplateReport } from '../../wire/startup.js'
import { launchNowPublished, launchPublished } from '../launch/launch-events.js'
import type { Launched, LaunchRequest, SpareCounts } from '../launch/launcher.js'
import { checkNotImporting } from '../launch/self-start.js'
import { CannotFork } from '../launch/template-status.js'
import type { Reference } from '../naming/remote.js'
import { removeAddress } from './control-address.js'
import type { NodeFlags } from './node-flags.js'
import {
  type CloseOptions,
  type ConnectOptions,
  checkClose,
  checkConnect,
  checkStart,
  type StartOptions,
} from './server-options.js'
import { connectedParts, forkingParts, type Parts, spawningParts } from './server-parts.js'
import { type Choice, chooseStartMethod, type StartMethod } from './start-method.js'

/** The launcher of a server: for Process, not for users. */
export const launch = Symbol('launch')
/** A process at once, and a server in the background: for forkserver/child_process. */
export const launchNow = Symbol('launchNow')
export const startInBackground = Symbol('startInBackground')
/** Tells when a server begins to close: for Pool, whose idle workers would keep it open. */
export const onClose = Symbol('onClose')
/** Tells when a server was restarted: for Pool, whose workers are older then. */
export const onRestart = Symbol('onRestart')

let defaultServer: Promise<ForkServer> | undefined

/**
 * A fork server: a template process that has loaded a program's modules and forks ready children on request.
 *
 * @example
 * await using server = await ForkServer.start({ preload: [jobs.module], warmup: jobs.warmup })
 * const p = await new Process(jobs.render, [page], { server }).start()
 */
export class ForkServer implements AsyncDisposable {
  readonly #parts: Parts
  readonly #launching = new Set<Promise<Launched>>()
  #closing: Promise<void> | undefined
  readonly #closeListeners = new Set<() => void>()
  readonly #restartListeners = new Set<() => void>()

  private constructor(parts: Parts) {
    if (!parts?.launcher)
      throw new UsageError(
        'ERR_INVALID_STATE',
        'A ForkServer is made by `await ForkServer.start(options)`, not by new.',
      )
    this.#parts = parts
    parts.reloading?.begin(() => this.#restart())
  }

  /**
   * Starts a template and waits until it is frozen. If fork does not work here, the server spawns instead. It says why,
   * once, on stderr (a process warning with the code FORKSERVER_SPAWN).
   *
   * @param options what the template loads, and how it runs
   * @returns the server, when it can start processes
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_UNSUPPORTED (the option transport, if the server
   *   spawns), ERR_INVALID_STATE (a module starts a server that preloads this module), ERR_CANNOT_CLONE (an argument
   *   of the warm-up)
   * @throws TemplateError ERR_PRELOAD_FAILED (a preload module threw: it is the cause), ERR_UNFORKABLE (findings
   *   lists why), ERR_TEMPLATE_START (also after startTimeout)
   * @throws ResourceError ERR_RESOURCE, ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG
   * @throws AbortError when the signal is aborted
   */
  static async start<R extends Reference = Reference>(options: StartOptions<R> = {}): Promise<ForkServer> {
    const checked = checkStart(options as StartOptions)
    checkNotBundled()
    if (checked.signal?.aborted) throw abortError(checked.signal)
    checkNotImporting(
      'ForkServer.start()',
      checked.preload.map(({ module }) => module),
    )
    const choice: Choice =
      checked.startMethod === 'spawn'
        ? { startMethod: 'spawn', reason: 'the option startMethod asks for it' }
        : chooseStartMethod(checked.startMethod === 'forkserver')
    if (choice.startMethod === 'spawn') return new ForkServer(spawningParts(choice.reason, checked))
    try {
      return await new ForkServer(forkingParts(choice.native, checked)).#whenReady()
    } catch (error) {
      if (error instanceof CannotFork) return new ForkServer(spawningParts(error.reason, checked))
      throw error
    }
  }

  /**
   * @internal For forkserver/child_process. As start(), and nobody waits for it: the event loop does not, and a process
   * that cannot fork has no server.
   * @throws as start(); CannotFork
   */
  static async [startInBackground](options: StartOptions, flags: NodeFlags): Promise<ForkServer> {
    const checked = checkStart(options)
    checkNotBundled()
    const choice = chooseStartMethod(false)
    if (choice.startMethod === 'spawn') throw new CannotFork(choice.reason)
    return new ForkServer(forkingParts(choice.native, checked, { flags })).#whenReady()
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
    const choice = chooseStartMethod(true) // the template is there
    if (choice.startMethod === 'spawn')
      throw new UsageError('ERR_UNSUPPORTED', `There is no template to connect to: ${choice.reason}.`)
    return new ForkServer(connectedParts(choice.native, checked)).#whenReady()
  }

  async #whenReady(): Promise<this> {
    try {
      await this.#parts.ready()
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
    return this.#parts.launcher.reason
  }

  /** How many forked children crashed (SIGSEGV, SIGBUS, SIGILL, SIGTRAP) before they began their jobs. */
  get crashes(): number {
    return this.#parts.launcher.crashes ?? 0
  }

  /**
   * What became of its spares (option `spares`): how many wait for a job, got one, or ended without one. Undefined for
   * `spawn`.
   */
  get spares(): SpareCounts | undefined {
    return this.startMethod === 'spawn' ? undefined : this.#parts.launcher.spares
  }

  /** How processes of this server start. */
  get startMethod(): StartMethod {
    return this.#parts.launcher.startMethod
  }

  /** Process id of the template, or undefined for `spawn`. */
  get pid(): number | undefined {
    return this.startMethod === 'spawn' ? undefined : this.#parts.template?.pid
  }

  /** What the template held when it was frozen. Undefined for `spawn` and for a server that another process started. */
  get report(): TemplateReport | undefined {
    return this.#parts.template?.report
  }

  /** The address at which other processes reach this server, or null for a private one. */
  get address(): ListenAddress | null {
    return this.#parts.address
  }

  /**
   * The secret that other processes need to reach this server; `key.export()` gives its bytes. Undefined for `spawn`.
   * It is destroyed when this server is closed.
   */
  get key(): AuthKey | undefined {
    return this.#parts.key
  }

  /** @internal For Process. */
  async [launch](request: LaunchRequest): Promise<Launched> {
    if (this.#closing) throw closedServer()
    const launching = this.#launch(request)
    this.#launching.add(launching)
    try {
      return await launching
    } finally {
      this.#launching.delete(launching)
    }
  }

  async #launch(request: LaunchRequest): Promise<Launched> {
    if (this.startMethod === 'forkserver') await this.#parts.reloading?.fresh()
    return launchPublished(this.#parts.launcher, request)
  }

  /** @internal For forkserver/child_process: as launch, but at once. Undefined if no template is ready. */
  [launchNow](request: LaunchRequest, limitMs: number): Launched | undefined {
    if (this.#closing || this.startMethod !== 'forkserver') return undefined
    return launchNowPublished(this.#parts.launcher, request, limitMs)
  }

  /** @internal For Pool. The listener is called when close() is. Returns a function that removes it. */
  [onClose](listener: () => void): () => void {
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  /** @internal For Pool. The listener is called after each restart. Returns a function that removes it. */
  [onRestart](listener: () => void): () => void {
    this.#restartListeners.add(listener)
    return () => this.#restartListeners.delete(listener)
  }

  /**
   * Starts a new template, which loads the preload modules anew, and then serves in place of the one before. Until
   * then the one before serves on. Its running processes live on, and it leaves when they have ended. Workers of pools
   * finish the tasks that they have, and are replaced.
   *
   * Calls at the same time share one restart. If the new template fails to start, the one before stays.
   *
   * With start method `spawn` only the workers of pools are replaced: each process loads its modules anew anyway.
   *
   * @throws as ForkServer.start(): TemplateError ERR_PRELOAD_FAILED, ERR_UNFORKABLE, ERR_TEMPLATE_START;
   *   ResourceError ERR_RESOURCE
   * @throws UsageError ERR_UNSUPPORTED (connect() made this server), ERR_INVALID_STATE (it is closed, also meanwhile)
   * @example
   * await build()
   * await server.restart()
   */
  async restart(): Promise<void> {
    if (this.#closing) throw closedServer()
    if (this.#parts.isConnected) {
      const text = 'The template of this server belongs to the process that started it. Call restart() there.'
      throw new UsageError('ERR_UNSUPPORTED', text)
    }
    await this.#restart()
  }

  /** Also while close() waits for starts that were asked for before it: with the option watch they may need it. */
  async #restart(): Promise<void> {
    await this.#parts.launcher.restart()
    for (const listener of this.#restartListeners) listener()
  }

  /**
   * Closes the server; no process can be started any more. The template leaves, and detached processes live on.
   *
   * @param options `children`: `wait` (the default) for the processes of this server to end, or `kill` them
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { children } = checkClose(options)
    if (children === 'kill') this.#parts.launcher.killAttached()
    if (!this.#closing) {
      this.#parts.reloading?.close()
      this.#closing = this.#close()
      for (const listener of this.#closeListeners) listener()
    }
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#launching) // processes that were asked for before still start
    const { launcher, key, address, transport } = this.#parts
    await launcher.close()
    key?.destroy()
    if (address) removeAddress(native(), transport, address)
  }

  /** Kills the processes that still run, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ children: 'kill' })
  }
}

function closedServer(): UsageError {
  return new UsageError('ERR_INVALID_STATE', 'This server is closed. Start a new one.')
}
