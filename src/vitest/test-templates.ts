// Runs in: owner. The templates for test files. The registry starts, keeps and replaces them; here is decided what they
// are made of.
import { pathToFileURL } from 'node:url'
import { remote } from '../owner/naming/remote.js'
import type { ForkServer } from '../owner/server/fork-server.js'
import { ownFile } from '../platform/own-files.js'
import { learningOf } from '../registry/learn-option.js'
import { registryOf, type TemplateRegistry } from '../registry/template-registry.js'
import type { TemplateRequest } from '../registry/template-request.js'
import { JOBS } from './forked-worker.js'
import type { PoolSettings } from './pool-settings.js'
import type { TestSetup } from './template/set-up-tests.js'
import { externalUrl } from './vitest-node.js'
import type { Vitest, WorkerOptions } from './vitest-types.js'

/** What vitest adds to the globals with `globals: true`, and packages look for. */
const TEST_GLOBALS = [
  ...['afterAll', 'afterEach', 'aroundAll', 'aroundEach', 'assert', 'beforeAll', 'beforeEach', 'chai', 'describe'],
  ...['expect', 'expectTypeOf', 'it', 'onTestFailed', 'onTestFinished', 'suite', 'test', 'vi', 'vitest'],
]

/** What a DOM adds. If it is set up in the template, these exist there, and nothing is to be feared. */
const DOM_GLOBALS = ['document', 'Element', 'HTMLElement', 'location', 'self', 'window']

/**
 * A template is started if so many test files are left for each worker. Its start takes as long as one or two files
 * that are not forked (`npm run bench -- vitest --files 4`).
 */
const WORTH_IT = 5

/** The templates of one forkserverPool(). */
export class TestTemplates {
  readonly #settings: PoolSettings
  /** The roots of projects whose templates are closed with vitest. */
  readonly #roots = new WeakMap<Vitest, Set<string>>()
  /** How many test files have ended. */
  readonly #finished = new WeakMap<Vitest, number>()
  /** The modules of the option preload as URLs, by what they are resolved with. */
  readonly #preloads = new Map<string, Promise<string[]>>()
  readonly #warned = new Set<string>()

  constructor(settings: PoolSettings) {
    this.#settings = settings
  }

  /** The server for a test process. undefined: none is ready, or there can be none. */
  async serverFor(options: WorkerOptions): Promise<ForkServer | undefined> {
    this.#closeWith(options)
    const registry = registryOf(options.project.config.root)
    const request = await this.#requestOf(options)
    const server = await this.#serverOf(registry, request, options.project)
    const failure = registry.failureOf(request)
    if (failure && !server)
      this.#warn(options, `Test files run in processes of vitest's own, because ${failure.message}`)
    return server
  }

  /** Says why a test file does not run in a forked process. */
  tellNotForked(options: WorkerOptions, error: unknown): void {
    this.#warn(options, `A test file runs in a process of vitest's own, because ${(error as Error).message}`)
  }

  #serverOf(
    registry: TemplateRegistry,
    request: TemplateRequest,
    project: WorkerOptions['project'],
  ): ForkServer | undefined | Promise<ForkServer | undefined> {
    if (this.#settings.wait) return registry.ready(request)
    const { preload, learn } = this.#settings
    const isKnown = preload.length > 0 || learn === false || registry.hasLearnt(request)
    return isKnown && this.#pays(project) ? registry.serverFor(request) : registry.startedServerFor(request)
  }

  /**
   * Whether so many test files are still to be run that a template saves more time than its start takes. It starts
   * beside as many files as there are workers, on the same processors.
   */
  #pays({ vitest, config }: WorkerOptions['project']): boolean {
    const left = vitest.state.getPaths().length - (this.#finished.get(vitest) ?? 0)
    return left >= WORTH_IT * config.maxWorkers
  }

  /** A test file has ended. Tells what it has imported from packages. */
  async fileEnded(options: WorkerOptions, urls: readonly string[]): Promise<void> {
    const { project } = options
    const { vitest } = project
    const finished = (this.#finished.get(vitest) ?? 0) + 1
    this.#finished.set(vitest, finished)
    const registry = registryOf(project.config.root)
    const request = await this.#requestOf(options)
    registry.learn(request, urls)
    // In watch mode there is time when all files have run: the next run finds the template ready.
    if (vitest.config.watch && finished >= vitest.state.getPaths().length) registry.serverFor(request)
  }

  #closeWith({ project }: WorkerOptions): void {
    const { vitest } = project
    const { root } = project.config
    const roots = this.#roots.get(vitest) ?? new Set()
    if (roots.has(root)) return
    this.#roots.set(vitest, roots.add(root))
    vitest.onClose(() => registryOf(root).close())
  }

  async #requestOf(options: WorkerOptions): Promise<TemplateRequest> {
    const { env, execArgv, environment, project } = options
    const { globals, environmentOptions } = project.config
    const setup = remote<typeof import('./template/set-up-tests.js')>(setupUrl(options, this.#settings))
    const key = JSON.stringify([project.config.root, environment.name, environmentOptions])
    let preload = this.#preloads.get(key)
    if (!preload) {
      preload = this.#resolve(options)
      this.#preloads.set(key, preload)
    }
    return {
      tool: `vitest@${project.vitest.version}`,
      env,
      execArgv,
      preload: [setup.module, JOBS, ...(await preload)],
      warmup: setup.finish,
      ...learningOf(this.#settings.learn),
      tripwires: [...(globals ? TEST_GLOBALS : ['expect']), ...(environment.name === 'node' ? [] : DOM_GLOBALS)],
    }
  }

  /** The modules of the option preload, as test files would import them. */
  async #resolve(options: WorkerOptions): Promise<string[]> {
    const urls = this.#settings.preload.map(async (name) => {
      if (URL.canParse(name)) return name
      try {
        const url = await externalUrl(name, options)
        const why = 'vitest transforms it for each test file.'
        if (url === undefined) this.#warn(options, `'${name}' of the option preload is not preloaded: ${why}`)
        return url
      } catch (error) {
        const { message } = error as Error
        this.#warn(options, `'${name}' of the option preload is not preloaded, because it is not found: ${message}`)
        return undefined
      }
    })
    return (await Promise.all(urls)).filter((url) => url !== undefined)
  }

  /** Says something once. */
  #warn({ project }: WorkerOptions, text: string): void {
    if (this.#warned.has(text)) return
    this.#warned.add(text)
    project.vitest.logger.warn(`forkserver/vitest: ${text}`)
  }
}

/** The URL of the module that sets the template up. The registry keeps templates apart by it. */
function setupUrl({ distPath, environment, project, env }: WorkerOptions, settings: PoolSettings): URL {
  const { environmentOptions, defines, disableConsoleIntercept, env: given } = project.config
  const setup: TestSetup = {
    distPath,
    environment: { name: environment.name, options: environment.options ?? environmentOptions ?? {} },
    freezesEnvironment: settings.freezeEnvironment,
    defines: defines ?? {},
    replacesConsole: !disableConsoleIntercept,
    warmup: settings.warmup,
    env: { NODE_ENV: env.NODE_ENV, ...given },
  }
  const url = pathToFileURL(ownFile('vitest/template/set-up-tests.js'))
  url.search = encodeURIComponent(JSON.stringify(setup))
  return url
}
