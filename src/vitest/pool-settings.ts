// Runs in: owner. The options of forkserverPool(): their types, their checks and their defaults.
import {
  boolean,
  type Check,
  checkOptions,
  invalidOption,
  listOf,
  milliseconds,
  stringOrUrl,
} from '../options/option-checks.js'
import { reference } from '../owner/naming/reference-check.js'
import type { Reference } from '../owner/naming/remote.js'
import { learning } from '../registry/learn-option.js'

/** Options of forkserverPool(). */
export interface ForkserverPoolOptions {
  /**
   * Modules that the template imports, in this order: names of packages as a test file would import them, URLs or
   * absolute paths. What test files import from node_modules is learnt besides.
   */
  preload?: readonly (string | URL)[]
  /**
   * A function that the template calls once, after the preload. Code that V8 compiles in it is compiled for every test
   * file: render one component, transpile one line.
   *
   * @example
   * const config = { test: { pool: forkserverPool({ warmup: jobs.warmup }) } }
   */
  warmup?: Reference
  /** Whether jsdom or happy-dom is set up in the template, once for all test files; default true. */
  freezeEnvironment?: boolean
  /**
   * Whether test files wait until the template is ready; default false. Until then they run in vitest's own processes.
   */
  wait?: boolean
  /**
   * How long one test file may run, in milliseconds; default: no limit. After it the process is killed, the file
   * fails, and the run goes on. It ends a test file in an endless loop.
   */
  fileTimeout?: number
  /**
   * Whether templates load the packages that test files were seen to import; default true. `exclude` names packages
   * that are left out.
   *
   * @example
   * const config = { test: { pool: forkserverPool({ learn: { exclude: ['moment'] } }) } }
   */
  learn?:
    | boolean
    | {
        /** Names of packages. */
        exclude: readonly string[]
      }
}

/** The options of forkserverPool(), checked and with their defaults. */
export interface PoolSettings {
  preload: readonly string[]
  warmup: { module: string; name: string } | null
  freezeEnvironment: boolean
  wait: boolean
  fileTimeout: number | undefined
  learn: boolean | { exclude: readonly string[] }
}

const notRelative: Check<string | URL> = (value, site) => {
  const given = stringOrUrl(value, site)
  if (!String(given).startsWith('.')) return given
  const expected = `the name of a package, a URL or an absolute path, such as new URL('${given}', import.meta.url)`
  throw invalidOption(site, expected, value)
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkPoolSettings(options: ForkserverPoolOptions): PoolSettings {
  const given = checkOptions<ForkserverPoolOptions>('forkserverPool()', options, {
    preload: listOf(notRelative),
    warmup: reference,
    freezeEnvironment: boolean,
    wait: boolean,
    fileTimeout: milliseconds,
    learn: learning,
  })
  const { warmup } = given
  return {
    preload: (given.preload ?? []).map(String),
    warmup: warmup ? { module: warmup.module, name: warmup.name } : null,
    freezeEnvironment: given.freezeEnvironment ?? true,
    wait: given.wait ?? false,
    fileTimeout: given.fileTimeout,
    learn: given.learn ?? true,
  }
}
