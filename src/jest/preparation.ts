// Runs in: owner, inside jest. What a template prepares for a run.
import type { GlobalConfig, RunnerContext, Test } from './child/jest-types.js'
import { wantsOwnContext } from './child/own-context.js'
import type { Preparation } from './child/test-files.js'
import type { JestRunner } from './jest-modules.js'
import { canPrepare, withRunner } from './preparable.js'

/** What counts besides the test files. */
export interface PreparationOptions {
  readonly jest: Pick<JestRunner, 'file' | 'workerFile'>
  readonly globalConfig: GlobalConfig
  readonly context: RunnerContext
  /** The modules of packages that contexts have loaded: absolute paths. */
  readonly modules: readonly string[]
}

/** What a template prepares for these test files, of one project or several. */
export function preparationOf(
  tests: readonly Test[],
  { jest, globalConfig, context, modules }: PreparationOptions,
): Preparation {
  const first = new Map<string, Test>()
  for (const test of tests) if (!first.has(test.context.config.id)) first.set(test.context.config.id, test)
  const { changedFiles, sourcesRelatedToTestsInChangedFiles } = context
  return {
    workerFile: jest.workerFile,
    globalConfig,
    resolvers: [...first.values()].map(({ context: { config, moduleMap } }) => ({
      config: withRunner(config, jest.file),
      serializableModuleMap: moduleMap.toJSON(),
    })),
    context: {
      ...context,
      changedFiles: changedFiles && [...changedFiles],
      sourcesRelatedToTestsInChangedFiles: sourcesRelatedToTestsInChangedFiles && [
        ...sourcesRelatedToTestsInChangedFiles,
      ],
    },
    prepared: [...first.values()]
      .filter(({ context: { config } }) => canPrepare(config, globalConfig))
      .flatMap(({ context: { config } }) => {
        const nominal = nominalOf(config.id, tests)
        return nominal ? [{ config: withRunner(config, jest.file), testPath: nominal.path }] : []
      }),
    modules,
  }
}

/**
 * The file in whose name a context is made. jest reads there which environment the file asks for, so it must be one
 * that is run in that context. Undefined if the project has none.
 */
const nominalOf = (project: string, tests: readonly Test[]): Test | undefined =>
  tests.find(({ context, path }) => context.config.id === project && !wantsOwnContext(path))
