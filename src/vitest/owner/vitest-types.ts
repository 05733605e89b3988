// Runs in: owner. Pure. The types of vitest's pools, as far as they are used here. They are written down here so that
// forkserver needs no vitest to be compiled, and because they are the same in vitest 4 and 5.
import type { EventEmitter } from 'node:events'

/** vitest's side of one test process. */
export interface PoolWorker {
  readonly name: string
  readonly cacheFs?: boolean
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  on: (event: string, callback: (...args: any[]) => void) => void
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  off: (event: string, callback: (...args: any[]) => void) => void
  send: (message: unknown) => void
  deserialize: (data: unknown) => unknown
  start: () => Promise<void>
  stop: () => Promise<void>
}

/** The instance of vitest, for all its projects. */
export interface Vitest {
  logger: {
    outputStream: NodeJS.WritableStream & EventEmitter
    errorStream: NodeJS.WritableStream & EventEmitter
    warn(...args: unknown[]): void
  }
  onClose(callback: () => Promise<void> | void): void
}

/** The part of a project's configuration that counts for the template. */
export interface ProjectConfig {
  root: string
  environmentOptions?: object
  defines?: Record<string, unknown>
  disableConsoleIntercept?: boolean
  globals?: boolean
  isolate?: boolean
}

/** What vitest gives for a new test process. */
export interface PoolOptions {
  distPath: string
  project: {
    vitest: Vitest
    config: ProjectConfig
    serializedConfig?: object
  }
  method: 'run' | 'collect'
  environment: { name: string; options: object | null }
  execArgv: string[]
  env: Partial<NodeJS.ProcessEnv>
}

/** What the option `pool` of vitest takes. */
export interface PoolRunnerInitializer {
  readonly name: string
  createPoolWorker: (options: PoolOptions) => PoolWorker
}
