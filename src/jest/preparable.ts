// Runs in: owner, inside jest. Pure. Which projects' test files can run in a context that the template has made, and
// the configuration that the template gets.
import type { GlobalConfig, ProjectConfig } from './child/jest-types.js'

/** The environment whose context does not depend on the test file. */
const NODE_ENVIRONMENT = /[/\\]jest-environment-node[/\\]/

/**
 * Setup files may look at their process, which would be the template. V8 counts coverage from a moment of its own. A
 * detector of leaks wants to see a context being made and dropped. With automock, every module is another one. Global
 * fake timers are there before any module.
 */
export function canPrepare(config: ProjectConfig, { collectCoverage, coverageProvider }: GlobalConfig): boolean {
  const isPlain =
    !config.automock && !config.detectLeaks && !config.fakeTimers?.enableGlobally && config.runtime === undefined
  const hasEsModules = config.extensionsToTreatAsEsm.length > 0
  const countsByV8 = collectCoverage && coverageProvider === 'v8'
  const isNode = NODE_ENVIRONMENT.test(config.testEnvironment)
  return isPlain && !hasEsModules && !countsByV8 && isNode && config.setupFiles.length === 0
}

/**
 * The configuration of a project as it would be with jest's own runner. It is a part of the key of jest's transform
 * cache: so both runners use one cache, and another fileTimeout does not make all files be transformed anew.
 *
 * @param runner jest's own runner, as jest names it
 */
export function withRunner(config: ProjectConfig, runner: string): ProjectConfig {
  return { ...config, runner, ...(config.runnerOptions && { runnerOptions: {} }) }
}
