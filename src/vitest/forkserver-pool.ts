// Runs in: owner. forkserverPool(): what the option `pool` of vitest takes.
import { FileWorker } from './file-worker.js'
import { checkPoolSettings, type ForkserverPoolOptions } from './pool-settings.js'
import { TestTemplate } from './test-template.js'
import type { Vitest, VitestPool, WorkerOptions } from './vitest-types.js'

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
  const instances = new WeakMap<Vitest, Map<string, TestTemplate>>()
  return {
    name: NAME,
    createPoolWorker(options) {
      const given = options as WorkerOptions
      const { vitest } = given.project
      const templates = instances.get(vitest) ?? new Map<string, TestTemplate>()
      if (!instances.has(vitest)) {
        instances.set(vitest, templates)
        vitest.onClose(() => closeAll(templates))
      }
      const key = keyOf(given)
      const template = templates.get(key) ?? new TestTemplate(given, settings)
      templates.set(key, template)
      return new FileWorker(NAME, given, template, settings.fileTimeout)
    },
  }
}

/** Equal for test files that one template can serve. */
function keyOf({ distPath, project, environment, execArgv, env }: WorkerOptions): string {
  const { root, environmentOptions, defines, disableConsoleIntercept, globals } = project.config
  const config = { root, environmentOptions, defines, disableConsoleIntercept, globals }
  return JSON.stringify([distPath, config, environment, execArgv, env])
}

async function closeAll(templates: Map<string, TestTemplate>): Promise<void> {
  const closing = [...templates.values()]
  templates.clear()
  await Promise.all(closing.map((template) => template.close()))
}
