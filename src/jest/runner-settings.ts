// Runs in: owner, inside jest. Pure. The options of the runner: their types, their checks and their defaults.
import { checkOptions, milliseconds } from '../options/option-checks.js'
import { learning } from '../registry/learn-option.js'

/** Options of forkserver/jest. jest 30.4.1 and later passes them on. */
export interface ForkserverRunnerOptions {
  /**
   * How long one test file may run, in milliseconds; default: no limit. After it the process is killed, the file
   * fails, and the run goes on. It ends a test file in an endless loop.
   *
   * @example
   * // jest.config.js
   * const config = { runner: ['forkserver/jest', { fileTimeout: 60_000 }] }
   */
  fileTimeout?: number
  /**
   * Whether templates load the packages that test files were seen to load; default true. `exclude` names packages that
   * are left out.
   *
   * @example
   * // jest.config.js
   * const config = { runner: ['forkserver/jest', { learn: { exclude: ['moment'] } }] }
   */
  learn?:
    | boolean
    | {
        /** Names of packages. */
        exclude: readonly string[]
      }
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkRunnerOptions(options: ForkserverRunnerOptions): ForkserverRunnerOptions {
  return checkOptions<ForkserverRunnerOptions>('forkserver/jest', options, {
    fileTimeout: milliseconds,
    learn: learning,
  })
}
