// Runs in: owner. Pure. What a tool asks the registry for, and which requests one template serves.
import { createHash } from 'node:crypto'
import type { Reference } from '../owner/naming/remote.js'
import type { NodeFlags } from '../owner/server/node-flags.js'
import type { WarmupCall } from '../owner/server/preload-options.js'
import { START_VARIABLES } from '../wire/environment.js'
import { encodeValue } from '../wire/values/clone.js'

/** Globals that children of test runners may have, and templates not. */
export const GLOBALS: readonly string[] = [
  ...['after', 'afterAll', 'afterEach', 'before', 'beforeAll', 'beforeEach', 'describe', 'expect', 'it', 'test'],
  ...['jest', 'vi', 'vitest', 'document', 'HTMLElement', 'location', 'window'],
]

/** The template that a tool wants. */
export interface TemplateRequest {
  /** The tool and its version, such as `jest@30.2.0`: each learns for itself. */
  readonly tool: string
  /** The environment of the template; default: the owner's. Only the variables that Node reads at its start matter. */
  readonly env?: NodeJS.ProcessEnv
  /** Flags of Node; default: the owner's. */
  readonly execArgv?: readonly string[]
  /** The flags of plain processes, whose place the template takes, from flagsInPlaceOf(): instead of `execArgv`. */
  readonly flags?: NodeFlags
  /** Modules that the template must have, such as the tool's own. */
  readonly preload?: readonly string[]
  /** A function that the template calls once, after the preload. */
  readonly warmup?: Reference | WarmupCall
  /** Names of globals that only the children have: a module that looks for one is not preloaded. Default: GLOBALS. */
  readonly tripwires?: readonly string[]
  /** Whether the template also preloads what was learnt; default true. */
  readonly learns?: boolean
  /** Names of packages that are not learnt. */
  readonly exclude?: readonly string[]
  /** Whether suspicious leftovers of a preload end the start, as for ForkServer.start(); default true. */
  readonly strict?: boolean
}

/**
 * Variables that are read for good when a process starts: those of Node, that of Node 20's test runner, and those of
 * the loader and the libraries.
 */
export const VARIABLES_OF_START: readonly string[] = [
  ...[...START_VARIABLES, 'NODE_TEST_CONTEXT'],
  ...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'GLIBC_TUNABLES', 'OPENSSL_CONF', 'NODE_ICU_DATA'],
]

/** Besides, those that packages often read while they are loaded, and that tools often set for their processes. */
export const VARIABLES_OF_LOAD: readonly string[] = [...VARIABLES_OF_START, 'NODE_ENV', 'FORCE_COLOR', 'NO_COLOR']

/** The same for two requests that one template can serve. */
export function keyOf(request: TemplateRequest): string {
  const { tool, env = process.env, execArgv = process.execArgv, preload = [], warmup } = request
  const variables = VARIABLES_OF_LOAD.map((name) => env[name] ?? null)
  const call = warmup && 'call' in warmup ? warmup.call : warmup
  const args = warmup && 'call' in warmup ? encodeValue(warmup.args, 'arguments').toString('base64') : ''
  const { flags, tripwires = GLOBALS, learns = true, exclude = [], strict = true } = request
  const called = call ? [call.module, call.name, args] : null
  const words = flags ? [flags.execArgv, flags.nodeOptions ?? null] : execArgv
  const parts = [tool, variables, words, preload, called, tripwires, learns, exclude, strict]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

/** The name of the file that keeps what was learnt for a request. */
export function fileNameOf(request: TemplateRequest): string {
  const tool = request.tool.replace(/@.*/s, '').replace(/[^\w.-]/g, '_')
  return `${tool}-${keyOf(request)}.json`
}
