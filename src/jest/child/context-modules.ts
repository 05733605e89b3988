// Runs in: template and child. The modules of packages in a test's runtime: those that the template has loaded, and
// those that the project's own code asks for.
//
// Loaded without the template, a module would have found what the test file and its setup files had done until then: a
// mock of a module that it uses, a global that they have replaced (fetch, the timers), a variable of the environment.
// So at the first call of a mocking function, or as soon as something has changed, the modules are forgotten that
// nobody has asked for yet.
import { RealmChanges } from '../../platform/realm-changes.js'
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
  #changes: RealmChanges | undefined
  #isSpoilt = false
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

  /**
   * Loads modules. One that throws, that looks for a global of test files, or that changes what others find is dropped,
   * with what it has loaded.
   */
  load(environment: Environment, from: string, modules: readonly string[]): void {
    const changes = new RealmChanges(environment.global)
    this.#changes = changes
    for (const module of modules) {
      const before = new Set(this.#registry.keys())
      const isAlike = this.#isAlike(environment, () => this.#runtime.requireModule(from, module))
      const hasChanged = changes.take().length > 0
      this.#isSpoilt ||= hasChanged
      if (isAlike && !hasChanged) continue
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

  /** Runs in the child: watches which modules are asked for, until something is mocked or changed. */
  watch(): void {
    const changes = this.#changes
    if (this.#unused.size === 0 || !changes) return
    const registry = this.#registry
    const unused = this.#unused
    let hasBegun = false
    registry.get = (path) => {
      // The first one is the first file of the user: what was changed until then, the test framework has changed.
      if (!hasBegun) changes.take()
      hasBegun = true
      const module = Map.prototype.get.call(registry, path) as RuntimeModule | undefined
      if (!unused.has(path)) return module
      if (!module) {
        unused.delete(path) // jest has forgotten it: one that is there later was loaded by the test file
        return undefined
      }
      if (changes.take().length > 0) {
        this.#forgetUnused()
        return undefined
      }
      this.#use(module)
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

  /** Whether one of them has changed what others find: test files must not have this context. */
  get isSpoilt(): boolean {
    return this.#isSpoilt
  }

  get entries(): readonly string[] {
    return this.#entries
  }
}
