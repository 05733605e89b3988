// Runs in: template and child. The modules of packages in a test's runtime: those that the template has loaded, and
// those that the project's own code asks for.
//
// A test may mock a module that one of the loaded ones uses. Loaded without the template, that one would have got the
// mock. So at the first call of a mocking function, the modules that nobody has asked for yet are forgotten.
import type { Environment, Runtime, RuntimeModule } from './jest-types.js'

/** Globals that a test file has, and that a context has not yet when it is prepared. */
const TRIPWIRES = ['afterAll', 'afterEach', 'beforeAll', 'beforeEach', 'describe', 'expect', 'it', 'jest', 'test']

/** Functions of jest-runtime's MockState that decide about mocks. */
const MOCKING = [
  ...['setMock', 'setModuleMock', 'markExplicitCjsMock', 'unmockCjs', 'unmockEsm', 'deepUnmock'],
  ...['enableAutomock', 'disableAutomock', 'addOnGenerateMock'],
]

const IN_PACKAGE = /[/\\]node_modules[/\\]/

/** The modules of one runtime. */
export class ContextModules {
  readonly #runtime: Runtime
  readonly #registry: Map<string, RuntimeModule>
  /** Modules that the template has loaded and nobody has asked for. */
  readonly #unused = new Set<string>()
  readonly #struck: string[] = []
  #entries: readonly string[] = []

  private constructor(runtime: Runtime, registry: Map<string, RuntimeModule>) {
    this.#runtime = runtime
    this.#registry = registry
  }

  /** Undefined if this version of jest has another runtime. */
  static of(runtime: Runtime): ContextModules | undefined {
    const registry = runtime.registries?.getActiveCjsRegistry?.()
    const state = runtime.mockState as Record<string, unknown> | undefined
    const isKnown = registry instanceof Map && MOCKING.every((name) => typeof state?.[name] === 'function')
    return isKnown ? new ContextModules(runtime, registry) : undefined
  }

  /** Loads modules. One that throws, or that looks for a global of test files, is dropped, with what it has loaded. */
  load(environment: Environment, from: string, modules: readonly string[]): void {
    for (const module of modules) {
      const before = new Set(this.#registry.keys())
      if (this.#isAlike(environment, () => this.#runtime.requireModule(from, module))) continue
      this.#struck.push(module)
      for (const path of this.#registry.keys()) if (!before.has(path)) this.#registry.delete(path)
    }
    for (const path of this.#registry.keys()) this.#unused.add(path)
  }

  /** Whether a module would be the same in a test file. */
  #isAlike(environment: Environment, load: () => unknown): boolean {
    let isAlike = true
    for (const name of TRIPWIRES)
      Object.defineProperty(environment.global, name, {
        configurable: true,
        get() {
          isAlike = false
          return undefined
        },
      })
    try {
      load()
    } catch {
      isAlike = false
    } finally {
      for (const name of TRIPWIRES) delete (environment.global as unknown as Record<string, unknown>)[name]
    }
    return isAlike
  }

  /** Runs in the child: watches which modules are asked for, until something is mocked. */
  watchMocks(): void {
    if (this.#unused.size === 0) return
    const registry = this.#registry
    const unused = this.#unused
    registry.get = (path) => {
      const module = Map.prototype.get.call(registry, path) as RuntimeModule | undefined
      if (module && unused.has(path)) this.#use(module)
      return module
    }
    const state = this.#runtime.mockState as Record<string, (...args: unknown[]) => unknown>
    for (const name of MOCKING) {
      const original = state[name]!
      state[name] = (...args) => {
        this.#forgetUnused()
        return original.apply(state, args)
      }
    }
  }

  /** A module is used, and with it all that it has loaded. */
  #use(module: RuntimeModule): void {
    if (!this.#unused.delete(module.filename)) return
    for (const child of module.children ?? []) this.#use(child)
  }

  #forgetUnused(): void {
    for (const path of this.#unused) this.#registry.delete(path)
    this.#unused.clear()
  }

  /** Runs in the child, after the test file: notes what the project's own code has loaded. */
  note(): void {
    const entries = new Set<string>()
    for (const [path, module] of this.#registry) {
      if (IN_PACKAGE.test(path)) continue
      for (const { filename } of module.children ?? []) if (IN_PACKAGE.test(filename)) entries.add(filename)
    }
    this.#entries = [...entries]
  }

  /** The modules that load() could not keep. */
  get struck(): readonly string[] {
    return this.#struck
  }

  get entries(): readonly string[] {
    return this.#entries
  }
}
