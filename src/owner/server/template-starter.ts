// Runs in: owner. Starts the templates of one server, each in the same way.
import type { Native } from '../../platform/native.js'
import { performance } from '../../platform/timers.js'
import type { TemplateReport } from '../../wire/startup.js'
import { isObserved, publish } from '../diagnostics/publish.js'
import { ControlConnection } from '../launch/control-connection.js'
import type { TemplateState } from '../launch/template-launcher.js'
import { startTemplate, type TemplateOptions } from '../launch/template-process.js'

/** What the templates of a server have in common. */
export interface StarterOptions extends Omit<TemplateOptions, 'lifeline' | 'signal'> {
  templateTimeout: number
  /** Aborting it ends the first start. */
  signal: AbortSignal | undefined
}

/** A template that serves. */
export interface ReadyTemplate {
  readonly pid: number
  /** Undefined if another process started it. */
  readonly report: TemplateReport | undefined
}

/** Starts templates. */
export class TemplateStarter {
  readonly #native: Native
  readonly #options: StarterOptions
  readonly #onReady: (template: ReadyTemplate) => void
  #firstSignal: AbortSignal | undefined

  constructor(native: Native, options: StarterOptions, onReady: (template: ReadyTemplate) => void) {
    this.#native = native
    this.#options = options
    this.#onReady = onReady
    this.#firstSignal = options.signal
  }

  /**
   * Starts one, and publishes how that went.
   *
   * @param lifeline the read end of the owner's lifeline
   * @param killing aborted if the server ends the start
   * @throws as ForkServer.start()
   */
  readonly start = async (lifeline: number, killing: AbortSignal): Promise<TemplateState> => {
    const since = performance.now()
    const { preload } = this.#options.config
    try {
      const { state, report } = await this.#start(lifeline, killing)
      const { pid } = report
      if (isObserved('forkserver:template:start'))
        publish('forkserver:template:start', { pid, preload, durationMs: performance.now() - since, report })
      this.#onReady({ pid: state.connection.templatePid, report })
      return state
    } catch (error) {
      if (isObserved('forkserver:template:fail'))
        publish('forkserver:template:fail', { preload, durationMs: performance.now() - since, error })
      throw error
    }
  }

  async #start(lifeline: number, killing: AbortSignal): Promise<{ state: TemplateState; report: TemplateReport }> {
    const { env, key, templateTimeout, config } = this.#options
    const cwd = process.cwd()
    const signal = this.#firstSignal ? AbortSignal.any([this.#firstSignal, killing]) : killing
    this.#firstSignal = undefined
    const started = await startTemplate(this.#native, { ...this.#options, lifeline, signal })
    const { ended } = started.process
    try {
      const fd = started.controlFd
      const connection = await ControlConnection.open({
        native: this.#native,
        fd,
        key,
        lifeline,
        ended,
        templateTimeout,
      })
      for (const warning of started.report.warnings)
        process.emitWarning(`Preloading left ${warning}`, { code: 'FORKSERVER_SUSPICIOUS' })
      const state = { connection, env, cwd, process: started.process, hasAddress: config.listen !== null }
      return { state, report: started.report }
    } catch (error) {
      started.process.kill()
      throw error
    }
  }
}
