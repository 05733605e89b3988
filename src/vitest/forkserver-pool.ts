// Runs in: owner. forkserverPool(): what the option `pool` of vitest takes.
import { FileWorker } from './file-worker.js'
import { checkPoolSettings, type ForkserverPoolOptions } from './pool-settings.js'
import { TestTemplates } from './test-templates.js'
import type { VitestPool, WorkerOptions } from './vitest-types.js'

/** The name of the pool, for vitest's messages. */
const NAME = 'forkserver'

/**
 * A pool for vitest that forks the process of each test file from a template, which has vitest, the DOM and the
 * packages loaded.
 *
 * @param options what the template loads, and how long a test file may run
 * @returns the value for `test.pool` in vitest's configuration
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT
 * @example
 * // vitest.config.js
 * const config = { test: { pool: forkserverPool({ preload: ['react-dom/client'], fileTimeout: 60_000 }) } }
 */
export function forkserverPool(options: ForkserverPoolOptions = {}): VitestPool {
  const settings = checkPoolSettings(options)
  const templates = new TestTemplates(settings)
  return {
    name: NAME,
    createPoolWorker: (given) => new FileWorker(NAME, given as WorkerOptions, templates, settings.fileTimeout),
  }
}
