// Runs in: template and child. A context of a test file that jest has made in the template: the environment, the
// runtime, and modules of packages. The child that inherits it runs one test file in it.
//
// jest makes all of that in one function, runTest(), which then calls the test framework. Here the framework is a gate:
// runTest() waits in it until a child says which file to run. The real framework stays in the configuration, because
// the configuration is a part of the key of jest's transform cache; only the module behind its path is the gate for a
// while.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { ContextModules } from './context-modules.js'
import { freshProcess } from './fresh-process.js'
import type { Environment, Framework, ProjectConfig, Runtime, TestResult } from './jest-types.js'

/** What runTest() has made when it reaches the framework. */
interface Made {
  environment: Environment
  runtime: Runtime
}

interface Exports {
  exports: unknown
}

/** Names the file to run, or rejects: then none is run. */
type Open = (path: string | Promise<never>) => void

type MakeArguments = [
  config: ProjectConfig,
  nominalPath: string,
  run: () => Promise<TestResult>,
  modules: readonly string[],
]

/** A context is made so many times with modules. */
const MOST_TIMES = 3

/** One prepared context. It serves one test file. */
export class PreparedContext {
  readonly #config: ProjectConfig
  readonly #nominalPath: string
  readonly #made: Made
  readonly #open: Open
  readonly #result: Promise<TestResult>
  readonly #modules: ContextModules
  #struck: readonly string[]

  private constructor(
    config: ProjectConfig,
    nominalPath: string,
    made: Made,
    open: Open,
    result: Promise<TestResult>,
    modules: ContextModules,
  ) {
    this.#config = config
    this.#nominalPath = nominalPath
    this.#made = made
    this.#open = open
    this.#result = result
    this.#modules = modules
    this.#struck = modules.struck
  }

  /**
   * As make(). If a module changes what others find, the context is made anew without it; after a few times without any
   * module, because many may lead to the one that does it, and each time takes seconds.
   */
  static async makeClean(...[config, nominalPath, run, modules]: MakeArguments): Promise<PreparedContext | undefined> {
    const struck = new Set<string>()
    for (let times = 1; ; times++) {
      const left = times > MOST_TIMES ? [] : modules.filter((module) => !struck.has(module))
      const context = await PreparedContext.make(config, nominalPath, run, left)
      if (!context) return undefined
      for (const module of context.#modules.struck) struck.add(module)
      context.#struck = [...struck]
      if (!context.#modules.isSpoilt) return context
      await context.#drop()
    }
  }

  /** jest takes it down. */
  async #drop(): Promise<void> {
    this.#open(Promise.reject(new Error('The context is not used.')))
    await this.#result.catch(() => {})
  }

  /**
   * @param nominalPath a test file of the project, in whose name the context is made
   * @param run calls runTest() for that file
   * @param modules what to load in the context
   * @returns undefined if it cannot be prepared in this version of jest
   */
  static async make(...[config, nominalPath, run, modules]: MakeArguments): Promise<PreparedContext | undefined> {
    const require = createRequire(config.testRunner)
    const loaded = require(config.testRunner) as Framework | { default: Framework }
    const framework = typeof loaded === 'function' ? loaded : loaded.default
    const slot = require.cache[require.resolve(config.testRunner)] as Exports | undefined
    if (!slot) return undefined
    const original = slot.exports
    let open: Open = () => {}
    const opened = new Promise<string>((resolve) => {
      open = resolve
    })
    let records: ContextModules | undefined
    let result: Promise<TestResult> | undefined
    try {
      const made = await new Promise<Made>((resolve, reject) => {
        // No async function: it would be a line in the stacks that jest prints.
        const gate: Framework = (globalConfig, project, environment, runtime, _path, sendMessage) => {
          resolve({ environment, runtime })
          return opened
            .then((path) => framework(globalConfig, project, environment, runtime, path, sendMessage))
            .finally(() => records?.note()) // jest forgets the modules next
        }
        slot.exports = gate
        result = run()
        result.catch(reject)
      })
      if (!replacePath(made.runtime, nominalPath, nominalPath)) return undefined
      loadFramework(made.runtime, config.testRunner)
      records = ContextModules.of(made.runtime)
      records?.load(made.environment, nominalPath, modules)
      return records && new PreparedContext(config, nominalPath, made, open, result!, records)
    } finally {
      slot.exports = original
    }
  }

  /** The modules of packages that the project's own code has loaded. Known when the file has been run. */
  get loaded(): readonly string[] {
    return this.#modules.entries
  }

  /** The modules that it could not load. */
  get struck(): readonly string[] {
    return this.#struck
  }

  /** Runs a test file. */
  async runFile(path: string): Promise<TestResult> {
    const { environment, runtime } = this.#made
    const start = Date.now()
    replacePath(runtime, this.#nominalPath, path)
    freshProcess(environment.global.process)
    this.#modules.watch()
    this.#open(path)
    const result = await this.#result
    const runtimeMs = Date.now() - start
    result.testFilePath = path
    result.perfStats = {
      ...result.perfStats,
      ...{
        loadTestEnvironmentStart: start,
        loadTestEnvironmentEnd: start,
        setupFilesStart: start,
        setupFilesEnd: start,
      },
      ...{ start, runtime: runtimeMs, slow: runtimeMs / 1000 > this.#config.slowTestThreshold },
    }
    return result
  }
}

/** jest-circus loads this file in each context, before anything else. */
function loadFramework(runtime: Runtime, framework: string): void {
  const file = path.join(path.dirname(framework), 'jestAdapterInit.js')
  if (existsSync(file)) runtime.requireInternalModule(file)
}

/** Gives a runtime and its parts another test file. Returns whether there was one to replace. */
function replacePath(runtime: Runtime, from: string, to: string): boolean {
  let isFound = false
  for (const part of [runtime, ...Object.values(runtime)] as unknown[]) {
    if (typeof part !== 'object' || part === null) continue
    for (const [key, value] of Object.entries(part)) {
      if (value !== from) continue
      isFound = true
      ;(part as Record<string, unknown>)[key] = to
    }
  }
  return isFound
}
