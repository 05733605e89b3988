// Runs in: owner. Starts the templates of one server, each in the same way.
import type { Finding } from '../../errors.js'
import type { Native } from '../../platform/native.js'
import { performance } from '../../platform/timers.js'
import type { FileStamps, PreloadModule, StartupConfig, TemplateReport } from '../../wire/startup.js'
import { isObserved, publish } from '../diagnostics/publish.js'
import { ControlConnection } from '../launch/control-connection.js'
import { identityOf } from '../launch/identity.js'
import { startTemplate, type TemplateOptions } from '../launch/template-process.js'
import type { TemplateState } from '../launch/templates.js'
import { toLeaveOut } from './optional-modules.js'
import type { Reloading } from './reloading.js'

/** What the templates of a server have in common. */
export interface StarterOptions extends Omit<TemplateOptions, 'lifeline' | 'signal' | 'config'> {
  config: Omit<StartupConfig, 'takesOver'>
  templateTimeout: number
  /** Aborting it ends the first start. */
  signal: AbortSignal | undefined
  /** With the option watch: takes the files that templates load. */
  reloading: Reloading | undefined
}

/** A template that serves. */
export interface ReadyTemplate {
  readonly pid: number
  /** Undefined if another process started it. */
  readonly report: TemplateReport | undefined
}

/** What every attempt of one start has in common. */
interface StartContext {
  lifeline: number
  killing: AbortSignal
  predecessor: TemplateState | undefined
  onFiles: (files: FileStamps) => void
}

interface Started {
  state: TemplateState
  report: TemplateReport
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
   * @param predecessor the template that the new one takes over from, if there is one
   * @throws as ForkServer.start()
   */
  readonly start = async (
    lifeline: number,
    killing: AbortSignal,
    predecessor: TemplateState | undefined,
  ): Promise<TemplateState> => {
    const since = performance.now()
    const preload = this.#options.config.preload.map(({ module }) => module)
    let files: FileStamps = {}
    const onFiles = (loaded: FileStamps): void => {
      files = { ...files, ...loaded }
    }
    try {
      const { state, report } = await this.#startWithout([], { lifeline, killing, predecessor, onFiles })
      const { pid } = report
      if (isObserved('forkserver:template:start'))
        publish('forkserver:template:start', { pid, preload, durationMs: performance.now() - since, report })
      this.#options.reloading?.loaded(files)
      if (!state.connection.isLost) this.#onReady({ pid: state.connection.templatePid, report })
      return state
    } catch (error) {
      this.#options.reloading?.failed(files)
      if (isObserved('forkserver:template:fail'))
        publish('forkserver:template:fail', { preload, durationMs: performance.now() - since, error })
      throw error
    } finally {
      this.#firstSignal = undefined
    }
  }

  /** Starts one without the optional modules of these findings; if need be, again without others. */
  async #startWithout(skipped: Finding[], start: StartContext, attempt = 1): Promise<Started> {
    const { preload: all, strict } = this.#options.config
    const preload = all.filter(({ module }) => !skipped.some((finding) => finding.module === module))
    try {
      const { state, report } = await this.#start(preload, start)
      return { state, report: { ...report, skipped: [...skipped, ...report.skipped] } }
    } catch (error) {
      const more = toLeaveOut(error, { preload, attempt, strict })
      if (more.length === 0) throw error
      return this.#startWithout([...skipped, ...more], start, attempt + 1)
    }
  }

  async #start(
    preload: readonly PreloadModule[],
    { lifeline, killing, predecessor, onFiles }: StartContext,
  ): Promise<Started> {
    const { env, key, templateTimeout } = this.#options
    const hasAddress = this.#options.config.listen !== null
    const config = { ...this.#options.config, preload, takesOver: predecessor !== undefined && hasAddress }
    const cwd = process.cwd()
    const identity = identityOf()
    const signal = this.#firstSignal ? AbortSignal.any([this.#firstSignal, killing]) : killing
    const started = await startTemplate(this.#native, { ...this.#options, config, lifeline, signal, onFiles })
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
        isBackground: !this.#options.ref,
      })
      for (const { what } of started.report.findings)
        process.emitWarning(`Preloading left ${what}`, { code: 'FORKSERVER_SUSPICIOUS' })
      if (started.heirFd !== undefined) await predecessor?.connection.handOver(started.heirFd)
      const state = { connection, env, cwd, identity, process: started.process, hasAddress }
      return { state, report: started.report }
    } catch (error) {
      started.process.kill()
      throw error
    } finally {
      if (started.heirFd !== undefined) this.#native.close(started.heirFd)
    }
  }
}
