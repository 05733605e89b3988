// Runs in: owner. Which template of a server serves. Starts one if there is none, replaces it if the server is
// restarted, and leaves those that are not needed any more.
import { TemplateError, UsageError } from '../../errors.js'
import { within } from '../../promises/time-limit.js'
import { isObserved, publish } from '../diagnostics/publish.js'
import type { ControlConnection } from './control-connection.js'
import type { Lifeline } from './lifeline.js'
import type { TemplateProcess } from './template-process.js'

/** A template that serves, and what its owner needs to know about it. */
export interface TemplateState {
  connection: ControlConnection
  /** The environment and working directory that the template started with; undefined if another process started it. */
  env: NodeJS.ProcessEnv | undefined
  cwd: string | undefined
  /** Who its owner was then (identity.ts). */
  identity: string | undefined
  /** Its process, if this owner started it. */
  process: TemplateProcess | undefined
  /** Whether other processes can reach the template and become its owners. */
  hasAddress: boolean
}

/**
 * Starts a template, or connects to one that another process started. Aborting the signal ends the attempt. A template
 * that replaces another one, its predecessor, takes over the address of that one.
 */
export type Connector = (
  lifeline: number,
  signal: AbortSignal,
  predecessor: TemplateState | undefined,
) => Promise<TemplateState>

const closed = (cause?: unknown): UsageError =>
  new UsageError('ERR_INVALID_STATE', 'This server is closed. Start a new one.', { cause })

/** The templates of one server: the one that serves, and older ones whose children still run. */
export class Templates {
  readonly #connect: Connector
  readonly #lifeline: Lifeline
  readonly #templateTimeout: number
  readonly #onGone: () => void
  /** The template that serves, or that is being started. Undefined if it was lost. */
  #state: Promise<TemplateState> | undefined
  /** The last template that was ready, lost or not. */
  #latest: TemplateState | undefined
  /** The start of the template that is to replace the one that serves. */
  #replacement: Promise<TemplateState> | undefined
  /** Templates that were opened since the last restart. */
  #fresh = new WeakSet<TemplateState>()
  /** Templates that were replaced and have children. */
  readonly #replaced = new Set<TemplateState>()
  /** Templates that this owner detaches from, or has. */
  readonly #leaving = new WeakMap<TemplateState, Promise<void>>()
  /** Aborted by kill(): no template is started any more. */
  readonly #killing = new AbortController()
  /** Aborted by close(): none is replaced any more. */
  readonly #closing = new AbortController()

  /** @param onGone is called when the template that serves is replaced or lost */
  constructor(connect: Connector, lifeline: Lifeline, templateTimeout: number, onGone: () => void) {
    this.#connect = connect
    this.#lifeline = lifeline
    this.#templateTimeout = templateTimeout
    this.#onGone = onGone
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #checkOpen(): void {
    if (this.#isClosed || this.#lifeline.isCut) throw closed()
  }

  /** The template that can be asked at once, if there is one. */
  get serving(): TemplateState | undefined {
    const state = this.#latest
    const isServing = state && this.#state && !this.#isClosed && !state.connection.isLost && !this.#leaving.has(state)
    return isServing && !this.#replaced.has(state) ? state : undefined
  }

  /** The template that serves now. Starts one if there is none. */
  async ready(): Promise<TemplateState> {
    this.#checkOpen()
    this.#state ??= this.#replacement ?? this.#first()
    return this.#state
  }

  async #first(): Promise<TemplateState> {
    try {
      return await this.#open(this.#killing.signal, undefined)
    } catch (error) {
      this.#state = undefined
      throw error
    }
  }

  async #open(signal: AbortSignal, predecessor: TemplateState | undefined): Promise<TemplateState> {
    try {
      const state = await this.#connect(this.#lifeline.readEnd, signal, predecessor)
      const { connection } = state
      if (connection.isLost) {
        connection.close()
        state.process?.kill()
        throw new TemplateError('ERR_TEMPLATE_LOST', 'The template was lost as soon as it was ready.')
      }
      connection.onLost(() => this.#lost(state))
      this.#latest = state
      this.#fresh.add(state)
      return state
    } catch (cause) {
      throw signal.aborted ? closed(cause) : cause
    }
  }

  /**
   * Starts a new template, which then serves in place of the one before. Calls at the same time share one start. If it
   * fails, the one before serves on.
   */
  async restart(): Promise<void> {
    this.#checkOpen()
    this.#replacement ??= this.#replace()
    await this.#replacement
  }

  async #replace(): Promise<TemplateState> {
    const serving = this.#state
    const predecessor = await serving?.catch(() => undefined) // one that is being started has loaded old modules
    const signal = AbortSignal.any([this.#killing.signal, this.#closing.signal])
    try {
      const state = await this.#open(signal, predecessor)
      this.#fresh = new WeakSet([state])
      this.#state = this.#replacement
      if (predecessor) this.#retire(predecessor)
      return state
    } catch (error) {
      if (this.#state === this.#replacement) this.#state = undefined
      throw error
    } finally {
      this.#replacement = undefined
    }
  }

  /** Leaves a template that was replaced, when nobody waits for an answer of it any more. */
  #retire(state: TemplateState): void {
    this.#replaced.add(state)
    this.#onGone()
    void state.connection.idle.then(() => this.leave(state)).then(() => this.#replaced.delete(state))
  }

  /** Counts as a restart: what was started before is stale. */
  outdate(): void {
    this.#fresh = new WeakSet()
  }

  /** Whether there was a restart since this template was opened. It may have been lost before. */
  isStale(state: TemplateState): boolean {
    return !this.#fresh.has(state)
  }

  /** Whether a restart replaced this template. It has children. */
  isReplaced(state: TemplateState): boolean {
    return this.#replaced.has(state)
  }

  /** Whether this owner detaches from the template: it can be asked for nothing any more. */
  isLeaving(state: TemplateState): boolean {
    return this.#leaving.has(state)
  }

  /**
   * The next launch starts a new template. A template that was given up would keep its address, so it is killed if this
   * owner started it.
   */
  #lost(state: TemplateState): void {
    if (state === this.#latest) {
      this.#state = undefined
      this.#onGone()
    }
    if (!this.#leaving.has(state)) void publishLost(state.connection)
    if (state.connection.isGivenUp && !this.#leavesToOthers(state)) state.process?.kill()
  }

  /** A template that others can reach may serve them again once it is continued. Otherwise it ends by itself then. */
  #leavesToOthers({ hasAddress }: TemplateState): boolean {
    return hasAddress && this.#isClosed
  }

  /** Ends every start of a template. The caller has cut the lifeline. */
  kill(): void {
    this.#killing.abort()
  }

  /** No template is replaced any more. */
  stopReplacing(): void {
    this.#closing.abort()
  }

  /** Leaves all templates. */
  async close(): Promise<void> {
    await this.#replacement?.catch(() => {})
    await this.#state?.catch(() => {}) // a template that is being started
    const states = new Set(this.#replaced)
    if (this.#latest) states.add(this.#latest)
    await Promise.all([...states].map((state) => this.leave(state)))
  }

  /** Detaches from a template. Waits for its end if this owner started it and is its only owner. */
  leave(state: TemplateState): Promise<void> {
    const leaving = this.#leaving.get(state) ?? this.#detach(state)
    this.#leaving.set(state, leaving)
    return leaving
  }

  async #detach(state: TemplateState): Promise<void> {
    const { connection, process: template } = state
    const wasLost = connection.isLost
    const owners = await connection.detach().catch(() => 0) // a template that was lost is gone, or was killed
    connection.close()
    if (!wasLost && template && isObserved('forkserver:template:end'))
      publish('forkserver:template:end', { pid: connection.templatePid, isShared: owners > 0 })
    if (!template || owners > 0 || (connection.isGivenUp && this.#leavesToOthers(state))) return
    template.ref()
    if ((await within(this.#templateTimeout, template.ended)) === undefined) {
      template.kill()
      await template.ended
    }
    template.unref()
  }
}

async function publishLost(connection: ControlConnection): Promise<void> {
  if (!isObserved('forkserver:template:lost')) return
  publish('forkserver:template:lost', { pid: connection.templatePid, fate: await connection.fate() })
}
