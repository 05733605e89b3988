// Runs in: owner. Pure. The types of vitest, as far as they are used here. They are written down here so that
// forkserver can be compiled without vitest, which is an optional peer.
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

/** The side of a test process that vitest sees: a PoolWorker of `vitest/node`. */
export interface VitestWorker {
  /** The name of its pool. */
  readonly name: string
  /** Whether vitest writes transformed modules to files, for the process to read. */
  readonly cacheFs: boolean
  /** Adds a listener for 'message', 'error' or 'exit'. */
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  readonly on: (event: string, callback: (...args: any[]) => void) => void
  /** Removes a listener. */
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  readonly off: (event: string, callback: (...args: any[]) => void) => void
  /** Sends a message to the process. */
  readonly send: (message: object) => void
  /** Turns what 'message' gives into a message. */
  readonly deserialize: (data: unknown) => unknown
  /** Starts the process. */
  readonly start: () => Promise<void>
  /** Ends the process. */
  readonly stop: () => Promise<void>
}

/** What the option `pool` of vitest takes: a PoolRunnerInitializer of `vitest/node`. */
export interface VitestPool {
  /** The name of the pool, for vitest's messages. */
  readonly name: string
  /** Makes a test process; vitest calls it. */
  readonly createPoolWorker: (options: object) => VitestWorker
}

/** A stream that all test processes share. */
export type Output = NodeJS.WritableStream & EventEmitter

/** The instance of vitest, for all its projects. */
export interface Vitest {
  version: string
  config: { watch: boolean }
  /** `getPaths()`: the test files of all runs so far. */
  state: { getPaths(): string[] }
  logger: { outputStream: Output; errorStream: Output; warn(text: string): void }
  onClose(callback: () => Promise<void>): void
}

/** The part of a project's configuration that counts for a template. */
export interface ProjectConfig {
  root: string
  environmentOptions?: object
  defines?: Record<string, unknown>
  disableConsoleIntercept?: boolean
  globals?: boolean
  maxWorkers: number
  env?: NodeJS.ProcessEnv
}

/** What vitest gives for a new test process: PoolOptions of `vitest/node`. */
export interface WorkerOptions {
  distPath: string
  project: { vitest: Vitest; config: ProjectConfig }
  environment: { name: string; options: object | null }
  execArgv: string[]
  env: NodeJS.ProcessEnv
}
