// Runs in: owner. One template for test files: when it starts, and what it loads.
import { remote } from '../../owner/naming/remote.js'
import { ForkServer } from '../../owner/server/fork-server.js'
import { ownFile } from '../../platform/own-files.js'
import type { Preparation } from '../template/prepare-tests.js'
import type { PoolSettings } from './pool-settings.js'
import type { PoolOptions } from './vitest-types.js'
import { externalUrl } from './vitest-node.js'

const preparing = remote<typeof import('../template/prepare-from-env.js')>(
  ownFile('vitest/template/prepare-from-env.js'),
)

/** One template. */
export class Template {
  readonly #options: PoolOptions
  readonly #settings: PoolSettings
  readonly #learnt = new Set<string>()
  #server: ForkServer | undefined
  #starting: Promise<void> | undefined

  constructor(options: PoolOptions, settings: PoolSettings) {
    this.#options = options
    this.#settings = settings
    if (settings.preload.length > 0) this.#start()
  }

  /** The server, once it is ready. */
  server(): ForkServer | undefined {
    return this.#server
  }

  learn(url: string): void {
    if (/\/node_modules\//.test(url) && !/\/vitest\/dist\//.test(url)) this.#learnt.add(url)
  }

  fileFinished(): void {
    this.#start()
  }

  async close(): Promise<void> {
    await this.#starting
    await this.#server?.close({ children: 'kill' })
  }

  #start(): void {
    this.#starting ??= this.#startNow().catch((error: unknown) => {
      this.#options.project.vitest.logger.warn('forkserver:', error)
    })
  }

  async #startNow(): Promise<void> {
    const { distPath, environment, project, env, execArgv } = this.#options
    const given = await Promise.all(
      this.#settings.preload.map((name) => (URL.canParse(name) ? name : externalUrl(name, this.#options))),
    )
    const modules = [...new Set([...given, ...this.#learnt])].filter((url) => url !== undefined)
    const preparation: Preparation = {
      distPath,
      environment: {
        name: environment.name,
        options: environment.options ?? project.config.environmentOptions ?? {},
      },
      freezesEnvironment: this.#settings.freezeEnvironment,
      modules: modules.map((url) => url.startsWith('/') ? `file://${url}` : url),
      defines: project.config.defines ?? {},
      replacesConsole: !project.config.disableConsoleIntercept,
      warmup: this.#settings.warmup,
    }
    this.#server = await ForkServer.start({
      execArgv,
      env: { ...env, FORKSERVER_VITEST: JSON.stringify(preparation) },
      warmup: preparing.prepare,
      strict: false,
    })
    if (process.env.FSV_DEBUG) console.error(modules, this.#server.report)
  }
}
