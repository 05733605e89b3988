// Runs in: owner, template and child. What forkserver/jest needs of jest's types. jest is a package of the user, and
// its own types are not always installed.

/** jest's configuration of one project. */
export interface ProjectConfig {
  readonly id: string
  readonly rootDir: string
  /** An absolute path. */
  readonly runner: string
  /** jest has them from 30.4.1 on. */
  readonly runnerOptions?: object
  readonly automock: boolean
  readonly fakeTimers?: { readonly enableGlobally?: boolean }
  readonly detectLeaks: boolean
  readonly extensionsToTreatAsEsm: readonly string[]
  readonly setupFiles: readonly string[]
  readonly setupFilesAfterEnv: readonly string[]
  readonly snapshotSerializers: readonly string[]
  readonly injectGlobals: boolean
  readonly testEnvironment: string
  readonly testRunner: string
  /** Pattern of files, absolute path of the transformer, its options. */
  readonly transform: readonly (readonly [string, string, object])[]
  readonly slowTestThreshold: number
  readonly runtime?: string
}

/** jest's configuration of the whole run. */
export interface GlobalConfig {
  readonly rootDir: string
  readonly maxWorkers: number
  readonly collectCoverage: boolean
  readonly coverageProvider: string
  readonly detectOpenHandles: boolean
  readonly workerThreads?: boolean
}

/** What jest tells a runner besides. */
export interface RunnerContext {
  readonly changedFiles?: ReadonlySet<string>
  readonly sourcesRelatedToTestsInChangedFiles?: ReadonlySet<string>
}

/** One test file. */
export interface Test {
  readonly path: string
  readonly context: { readonly config: ProjectConfig; readonly moduleMap: { toJSON(): unknown } }
}

/** Says whether the run was interrupted, by --bail for example. */
export interface Watcher {
  isInterrupted(): boolean
  on(event: 'change', listener: (state: { interrupted: boolean }) => void): void
}

/** jest's own runner, or this one. */
export interface TestRunner {
  readonly supportsEventEmitters: boolean
  readonly isSerial?: boolean
  runTests(tests: readonly Test[], watcher: Watcher, options: { serial: boolean }): Promise<void>
  on(event: string, listener: (args: never) => unknown): () => void
}

export type TestRunnerClass = new (globalConfig: GlobalConfig, context: RunnerContext) => TestRunner

/** The result of a test file, as far as it matters here. */
export interface TestResult {
  testFilePath: string
  perfStats: Record<string, number | boolean>
}

/** The module that jest's own workers run: jest-runner/build/testWorker.js. */
export interface TestWorker {
  setup(data: { serializableResolvers: readonly Resolver[] }): Promise<void>
  worker(data: {
    config: ProjectConfig
    globalConfig: GlobalConfig
    path: string
    context: object
  }): Promise<TestResult>
}

/** What a resolver is made of. */
export interface Resolver {
  readonly config: ProjectConfig
  readonly serializableModuleMap: unknown
}

/** A module of a test's runtime. */
export interface RuntimeModule {
  readonly filename: string
  readonly children?: readonly RuntimeModule[]
}

/** jest-runtime's Runtime. The members that are not public may be missing in another version. */
export interface Runtime {
  requireModule(from: string, moduleName?: string): unknown
  requireInternalModule(from: string): unknown
  readonly registries?: { getActiveCjsRegistry?(): Map<string, RuntimeModule> }
  readonly mockState?: object
}

/** jest's environment of a test file. */
export interface Environment {
  readonly global: typeof globalThis
}

/** A test framework, such as jest-circus/runner. */
export type Framework = (
  globalConfig: GlobalConfig,
  config: ProjectConfig,
  environment: Environment,
  runtime: Runtime,
  testPath: string,
  sendMessageToJest: unknown,
) => Promise<TestResult>
