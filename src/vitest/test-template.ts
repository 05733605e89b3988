// Runs in: owner. One template for test files: when it starts, and what it loads.
import { pathToFileURL } from 'node:url'
import { remote } from '../owner/naming/remote.js'
import { ForkServer } from '../owner/server/fork-server.js'
import { ownFile } from '../platform/own-files.js'
import type { PoolSettings } from './pool-settings.js'
import type { TestSetup } from './template/set-up-tests.js'
import { externalUrl } from './vitest-node.js'
import type { WorkerOptions } from './vitest-types.js'

/** One template. Until it is ready, and if it cannot be started, there is no server, and vitest's own processes run. */
export class TestTemplate {
  readonly #options: WorkerOptions
  readonly #settings: PoolSettings
  #server: ForkServer | undefined
  #start: Promise<void>

  /** @param options of the first test process that could use it */
  constructor(options: WorkerOptions, settings: PoolSettings) {
    this.#options = options
    this.#settings = settings
    this.#start = this.#run().catch((error: unknown) => this.#warn(error))
  }

  /** The server if it is ready, or after it has been waited for. undefined: vitest's own processes are to run. */
  async server(): Promise<ForkServer | undefined> {
    if (this.#settings.wait) await this.#start
    return this.#server
  }

  /** Ends the template and its processes. */
  async close(): Promise<void> {
    await this.#start
    await this.#server?.close({ children: 'kill' })
    this.#server = undefined
  }

  async #run(): Promise<void> {
    const { env, execArgv } = this.#options
    const setup = remote<typeof import('./template/set-up-tests.js')>(this.#setupUrl())
    this.#server = await ForkServer.start({
      preload: [setup.module, ownFile('vitest/child/attach-channel.js'), ...(await this.#modules())],
      warmup: setup.finish,
      env,
      execArgv,
      strict: false,
    })
  }

  #setupUrl(): URL {
    const { distPath, environment, project } = this.#options
    const { environmentOptions, defines, disableConsoleIntercept } = project.config
    const setup: TestSetup = {
      distPath,
      environment: { name: environment.name, options: environment.options ?? environmentOptions ?? {} },
      freezesEnvironment: this.#settings.freezeEnvironment,
      defines: defines ?? {},
      replacesConsole: !disableConsoleIntercept,
      warmup: this.#settings.warmup,
    }
    const url = pathToFileURL(ownFile('vitest/template/set-up-tests.js'))
    url.search = encodeURIComponent(JSON.stringify(setup))
    return url
  }

  /** The modules of the option preload, as URLs. */
  async #modules(): Promise<string[]> {
    const named = this.#settings.preload.map((name) => (URL.canParse(name) ? name : externalUrl(name, this.#options)))
    return (await Promise.all(named)).filter((url) => url !== undefined)
  }

  #warn(error: unknown): void {
    const { logger } = this.#options.project.vitest
    logger.warn(`forkserver/vitest: no template, so each test file runs in a process of vitest's own. ${error}`)
  }
}
