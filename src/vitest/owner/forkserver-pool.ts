// Runs in: owner. forkserverPool(): what the option `pool` of vitest takes.
import { FileWorker } from './file-worker.js'
import { checkPoolSettings, type ForkserverPoolOptions } from './pool-settings.js'
import { Template } from './test-template.js'
import type { PoolOptions, PoolRunnerInitializer, Vitest } from './vitest-types.js'

/**
 * A pool for vitest that forks the process of each test file from a template, which has vitest, the DOM and the
 * packages loaded.
 *
 * @returns the value for `test.pool` in vitest's configuration
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT
 * @example
 * export default defineConfig({ test: { pool: forkserverPool({ preload: ['react-dom/client'] }) } })
 */
export function forkserverPool(options: ForkserverPoolOptions = {}): PoolRunnerInitializer {
  const settings = checkPoolSettings(options)
  const name = 'forkserver'
  const templates = new Map<string, Template>()
  const known = new WeakSet<Vitest>()
  return {
    name,
    createPoolWorker(given: PoolOptions) {
      const { vitest } = given.project
      if (!known.has(vitest)) {
        known.add(vitest)
        vitest.onClose(async () => {
          await Promise.all([...templates.values()].map((template) => template.close()))
          templates.clear()
        })
      }
      const key = JSON.stringify([given.project.config.root, given.environment, given.execArgv, given.env])
      let template = templates.get(key)
      if (!template) templates.set(key, (template = new Template(given, settings)))
      return new FileWorker(name, given, template, settings.fileTimeout)
    },
  }
}
