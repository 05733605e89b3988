// Runs in: template and child. A template loads what jest's own workers load, and prepares a context for each project;
// each child runs one test file.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ownFile } from '../../platform/own-files.js'
import { setImmediate } from '../../platform/timers.js'
import type { GlobalConfig, ProjectConfig, Resolver, TestResult, TestWorker } from './jest-types.js'
import { wantsOwnContext } from './own-context.js'
import { PreparedContext } from './prepared-context.js'
import { encodeEvent, encodeMessage, LAST_LINE } from './test-messages.js'
import { warmTransform } from './warm-transform.js'

/** What a template prepares. */
export interface Preparation {
  /** The file that jest's own workers run. */
  readonly workerFile: string
  readonly globalConfig: GlobalConfig
  readonly resolvers: readonly Resolver[]
  /** What jest tells its workers besides. */
  readonly context: object
  /** The projects whose test files are run in a prepared context, each with a test file of it. */
  readonly prepared: readonly { readonly config: ProjectConfig; readonly testPath: string }[]
  /** The modules of packages that a prepared context has loaded: absolute paths. */
  readonly modules: readonly string[]
}

/** One test file. */
export interface TestFile {
  readonly path: string
  /** The id of its project. */
  readonly project: string
}

/** What came of a test file. */
export interface FileReport {
  /** The result, by encodeMessage(). */
  readonly result: Uint8Array
  /** The modules of packages that the project's own code has loaded: absolute paths. */
  readonly modules: readonly string[]
  /** The modules that the context could not load: absolute paths. */
  readonly struck: readonly string[]
}

/** A test file that does what most test files do. It is run once in the template, so that code is compiled. */
const REHEARSAL = ownFile('jest/child/rehearsal.cjs')

/** The descriptor through which a child sends what jest's reporters want to know at once. */
const EVENTS_FD = 3

let preparation: Preparation
let worker: TestWorker
const projects = new Map<string, ProjectConfig>()
const contexts = new Map<string, PreparedContext>()

/** The first part of a message of jest's own workers that is an event: [3, [name, args]]. */
const EVENT = 3

/** Sends what jest sends. Tests see a process.send(), too, because jest copies it. What they send is no event. */
function send(message: unknown): boolean {
  if (Array.isArray(message) && message[0] === EVENT) writeLine(encodeEvent(message[1], preparation.workerFile))
  return true
}

function writeLine(text: string): void {
  const bytes = Buffer.from(`${text}\n`)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(EVENTS_FD, bytes, at)
  } catch {} // the owner is gone
}

/**
 * The configuration for the rehearsal. What the user's files do before each test (they empty a database, for example)
 * must happen in test files only, and not beside them in a template.
 */
function withoutCodeOfUser(config: ProjectConfig): ProjectConfig {
  return { ...config, setupFilesAfterEnv: [], snapshotSerializers: [], injectGlobals: true }
}

/** Runs in the template. */
export async function prepare(given: Preparation): Promise<void> {
  try {
    await prepareContexts(given)
  } catch (error) {
    throw asError(error)
  }
}

/** jest's worker throws objects that are no errors. */
function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  const { message, stack } = thrown as Partial<Error>
  const error = new Error(message ?? String(thrown))
  if (stack !== undefined) error.stack = stack
  return error
}

async function prepareContexts(given: Preparation): Promise<void> {
  preparation = given
  process.send = send
  process.connected = true
  worker = createRequire(given.workerFile)(given.workerFile) as TestWorker
  await worker.setup({ serializableResolvers: given.resolvers })
  for (const { config } of given.resolvers) projects.set(config.id, config)
  for (const { config, testPath } of given.prepared) {
    const { globalConfig, context } = given
    await warmTransform(config, testPath)
    await worker.worker({ config: withoutCodeOfUser(config), globalConfig, path: REHEARSAL, context })
    const run = (): Promise<TestResult> => worker.worker({ config, globalConfig, path: testPath, context })
    const prepared = await PreparedContext.makeClean(config, testPath, run, given.modules)
    if (prepared) contexts.set(config.id, prepared)
  }
}

/** Runs in a child: one test file. */
export async function runFile(file: TestFile): Promise<FileReport> {
  try {
    return await run(file)
  } finally {
    writeLine(LAST_LINE)
    setImmediate(leave) // when the result has been sent
  }
}

/**
 * What the file has left open would keep this process alive. It is not killed: its output is written to the end, and
 * 'exit' listeners and the coverage of NODE_V8_COVERAGE come to their turn.
 */
function leave(): void {
  process.exit()
}

async function run({ path, project }: TestFile): Promise<FileReport> {
  const prepared = wantsOwnContext(path) ? undefined : contexts.get(project)
  if (prepared) {
    const result = await prepared.runFile(path)
    return { result: encodeMessage(result, preparation.workerFile), modules: prepared.loaded, struck: prepared.struck }
  }
  const { globalConfig, context, workerFile } = preparation
  const result = await new Promise<TestResult>((resolve, reject) => {
    // With a callback between, the stacks that jest prints do not go on in forkserver.
    const data = { config: projects.get(project)!, globalConfig, path, context }
    setImmediate(() =>
      worker.worker(data).then(
        (answer) => resolve(answer),
        (error: unknown) => reject(error),
      ),
    )
  })
  return { result: encodeMessage(result, workerFile), modules: [], struck: [] }
}
