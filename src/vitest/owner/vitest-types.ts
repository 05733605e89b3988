// Runs in: owner. Pure. The types of vitest's pools, as far as they are used here. They are written down here so that
// forkserver needs no vitest to be compiled, and because they are the same in vitest 4 and 5.
import type { EventEmitter } from 'node:events'

/** What travels between vitest and a test process: requests and answers of the pool (`type`), and calls (`t`). */
export interface Message {
  type?: string
  /** 'q': a call of the method `m` with the arguments `a`; 's': its result `r`. */
  t?: 'q' | 's'
  m?: string
  a?: readonly unknown[]
  r?: unknown
  context?: { files: readonly { filepath: string }[] }
}

/** Is the message a call of this method? */
export function isCall(message: Message, method: string): message is Message & { a: readonly unknown[] } {
  return message.t === 'q' && message.m === method
}

/** vitest's side of one test process. */
export interface PoolWorker {
  readonly name: string
  readonly cacheFs?: boolean
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  on: (event: string, callback: (...args: any[]) => void) => void
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  off: (event: string, callback: (...args: any[]) => void) => void
  send: (message: Message) => void
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
