// Runs in: owner, inside jest. Finds the modules of the jest that runs: it asked for this runner, so it is installed,
// but not beside forkserver.
import { createRequire } from 'node:module'
import path from 'node:path'
import { UsageError } from '../errors.js'
import type { TestRunnerClass } from './child/jest-types.js'

/** jest's own runner. */
export interface JestRunner {
  /** The class. */
  readonly Runner: TestRunnerClass
  /** Its main file. */
  readonly file: string
  /** The file that its workers run. */
  readonly workerFile: string
  readonly version: string
}

/**
 * @param rootDir the folder of the project
 * @throws UsageError ERR_UNSUPPORTED
 */
export function findJestRunner(rootDir: string): JestRunner {
  const steps = [['jest', '@jest/core'], ['jest-cli', '@jest/core'], ['@jest/core'], []]
  for (const step of steps) {
    try {
      let require = createRequire(path.join(rootDir, 'package.json'))
      for (const name of step) require = createRequire(require.resolve(`${name}/package.json`))
      const file = require.resolve('jest-runner')
      const { default: Runner } = require(file) as { default: TestRunnerClass }
      const { version } = require('jest-runner/package.json') as { version: string }
      return { Runner, file, workerFile: createRequire(file).resolve('./testWorker'), version }
    } catch {}
  }
  const text = `forkserver/jest cannot find jest-runner from ${rootDir}. Install jest 30 there: npm install -D jest@30.`
  throw new UsageError('ERR_UNSUPPORTED', text)
}
