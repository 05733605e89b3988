// Runs in: owner. The options of ForkServer: their types, their checks and their defaults.
import path from 'node:path'
import { UsageError } from '../../errors.js'
import {
  abortSignal,
  boolean,
  type Check,
  checkOptions,
  environment,
  integer,
  invalidOption,
  listOf,
  milliseconds,
  oneOf,
  string,
} from '../../options/option-checks.js'
import { AuthKey } from '../../wire/auth/auth-key.js'
import type { ListenAddress, PreloadModule, Warmup } from '../../wire/startup.js'
import type { Reference } from '../naming/remote.js'
import type { Transport } from './control-address.js'
import { type PreloadOption, preloadModule, preloadOf, type WarmupCall, warmup, warmupOf } from './preload-options.js'
import type { StartMethod } from './start-method.js'

/** Options of ForkServer.start(). */
export interface StartOptions<R extends Reference = Reference> {
  /**
   * Modules that the template imports, in this order: URLs, absolute paths, or names of packages as the working
   * directory sees them. For a module of remote(), pass its `module`. The template does without an optional one if it
   * cannot be loaded, or cannot be forked with it; the report of the server then lists it (`skipped`).
   *
   * @example
   * const server = await ForkServer.start({ preload: [jobs.module, { module: 'sharp', optional: true }] })
   */
  preload?: readonly (string | URL | PreloadOption)[]
  /**
   * A function that the template calls once, after the preload. Code that V8 compiles in it is compiled in every child.
   * Its arguments, if it has any, are structured-cloned.
   *
   * @example
   * const server = await ForkServer.start({ preload: [jobs.module], warmup: jobs.warmup })
   *
   * @example
   * const server = await ForkServer.start({ warmup: { call: jobs.render, args: ['a page'] } })
   */
  warmup?: Reference | WarmupCall<R>
  /**
   * Names of globals that only the children have, such as `afterEach` or `document`. A module that looks for one while
   * it is loaded would behave differently if it was preloaded. So the template does without such modules, if they are
   * optional. Default: none.
   *
   * @example
   * const preload = [{ module: 'react-dom', optional: true }]
   * const server = await ForkServer.start({ preload, tripwires: ['window', 'document'] })
   */
  tripwires?: readonly string[]
  /** The template's environment; default: the owner's. */
  env?: NodeJS.ProcessEnv
  /**
   * Flags of Node for the template and so for every child; default: the owner's own (process.execArgv), as for
   * child_process.fork(), without those that a template cannot have (docs/SETUPS.md). `[]` passes none on.
   */
  execArgv?: readonly string[]
  /**
   * Who can reach the template: only its starter (`private`, the default), or any process of this
   * user that has address and key.
   *
   * @example
   * const server = await ForkServer.start({ transport: 'path' })
   * // Give these two to another process of the same user:
   * const same = await ForkServer.connect(server.address!, server.key!.export())
   */
  transport?: Transport
  /**
   * Whether the start keeps this process's event loop running; default true. If not, a process that ends meanwhile ends
   * the template, too.
   */
  ref?: boolean
  /** Aborting it while the template starts ends that start. */
  signal?: AbortSignal
  /** How long a template may take to start, preload and warm-up included, in milliseconds; default 60,000. */
  startTimeout?: number
  /**
   * How long the template may neither answer nor work while this process waits for it, in milliseconds; default
   * 5,000. Then it counts as stopped and is killed, and the next start uses a new one. A template that works
   * but does not answer gets ten times as long.
   */
  templateTimeout?: number
  /** Whether reasons that are only suspicious fail the start, too (default), or become warnings (false). */
  strict?: boolean
  /** How long the preload may keep the event loop busy after it has finished, in milliseconds; default 5,000. */
  settleMs?: number
  /**
   * For development: whether the server restarts when files that the template has loaded were changed, also those of
   * packages; default false. A start after a change waits for the new template.
   */
  watch?: boolean
  /**
   * `spawn` starts every process as a new Node, without a template; default: `forkserver` if it works here. With
   * `forkserver`, processes are forked also on a processor on which that is experimental (arm64).
   *
   * @example
   * const server = await ForkServer.start({ startMethod: 'spawn', execArgv: ['--inspect=0'] })
   */
  startMethod?: StartMethod
  /**
   * How many spares to keep: processes that are forked before anybody asks for one, and wait for their job. The default
   * follows the load: one for each process that was started in the last five seconds but the first, at most four and
   * at most one for each processor. 0 for none. Spares become processes like the last two: processes with another
   * `detached` or `killTree` are forked when they are asked for.
   *
   * @example
   * const server = await ForkServer.start({ spares: 2 })
   */
  spares?: number
}

const listenAddress = (value: unknown): value is ListenAddress => {
  if (typeof value !== 'object' || value === null) return false
  const [[name, text] = [], ...rest] = Object.entries(value)
  if (rest.length > 0 || typeof text !== 'string' || text === '' || text.includes('\0')) return false
  return name === 'abstract' || (name === 'path' && path.isAbsolute(text))
}

const transport: Check<Transport> = (value, site) => {
  if (value === 'private' || value === 'path' || value === 'abstract') return value
  if (listenAddress(value)) return value
  throw invalidOption(site, "'private', 'path', 'abstract', { path: an absolute path } or { abstract: a name }", value)
}

/** Options of ForkServer.connect(). */
export interface ConnectOptions {
  /** As for ForkServer.start(). The template is not killed: the connection to it is given up. */
  templateTimeout?: number
  /** As for ForkServer.start(). */
  spares?: number
}

/** How a server closes: `wait` for its processes to end, or `kill` them. */
export type ClosePolicy = 'wait' | 'kill'

/** Options of ForkServer.close(). */
export interface CloseOptions {
  /** What happens to the running processes; default `wait`. */
  children?: ClosePolicy
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkClose(options: CloseOptions): CloseOptions {
  return checkOptions<CloseOptions>('ForkServer.close()', options, { children: oneOf(['wait', 'kill']) })
}

/** The options of start, checked and with their defaults. */
export interface CheckedStart {
  preload: readonly PreloadModule[]
  warmup: Warmup | null
  tripwires: readonly string[]
  env: NodeJS.ProcessEnv | undefined
  execArgv: readonly string[] | undefined
  transport: Transport
  ref: boolean
  signal: AbortSignal | undefined
  strict: boolean
  settleMs: number
  startMethod: StartMethod | undefined
  startTimeout: number
  templateTimeout: number
  watch: boolean
  spares: number | undefined
}

/** A mistake (bytes, milliseconds) would start too many processes. */
const MAX_SPARES = 1_000
const DEFAULT_START_TIMEOUT_MS = 60_000
const DEFAULT_TEMPLATE_TIMEOUT_MS = 5_000

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_CANNOT_CLONE */
export function checkStart(options: StartOptions): CheckedStart {
  const given = checkOptions<StartOptions>('ForkServer.start()', options, {
    preload: listOf(preloadModule),
    warmup,
    tripwires: listOf(string),
    env: environment,
    execArgv: listOf(string),
    transport,
    ref: boolean,
    signal: abortSignal,
    strict: boolean,
    settleMs: milliseconds,
    startTimeout: milliseconds,
    templateTimeout: milliseconds,
    startMethod: oneOf(['forkserver', 'spawn']),
    watch: boolean,
    spares: integer(0, MAX_SPARES),
  })
  return {
    preload: (given.preload ?? []).map(preloadOf),
    warmup: given.warmup ? warmupOf(given.warmup) : null,
    tripwires: given.tripwires ?? [],
    env: given.env,
    execArgv: given.execArgv,
    transport: given.transport ?? 'private',
    ref: given.ref ?? true,
    signal: given.signal,
    strict: given.strict ?? true,
    settleMs: given.settleMs ?? 5_000,
    startTimeout: given.startTimeout ?? DEFAULT_START_TIMEOUT_MS,
    templateTimeout: given.templateTimeout ?? DEFAULT_TEMPLATE_TIMEOUT_MS,
    startMethod: given.startMethod,
    watch: given.watch ?? false,
    spares: given.spares,
  }
}

/** The arguments of connect, checked and with their defaults. The key is a copy. */
export interface CheckedConnect {
  address: ListenAddress
  key: AuthKey
  templateTimeout: number
  spares: number | undefined
}

/** @throws UsageError ERR_INVALID_ARGUMENT, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION */
export function checkConnect(address: unknown, key: unknown, options: ConnectOptions): CheckedConnect {
  if (!listenAddress(address)) {
    const text =
      'The address of ForkServer.connect() must be { path } or { abstract }, as the address of the other server is.'
    throw new UsageError('ERR_INVALID_ARGUMENT', text)
  }
  const { templateTimeout = DEFAULT_TEMPLATE_TIMEOUT_MS, spares } = checkOptions<ConnectOptions>(
    'ForkServer.connect()',
    options,
    { templateTimeout: milliseconds, spares: integer(0, MAX_SPARES) },
  )
  return { address, key: copyKey(key), templateTimeout, spares }
}

function copyKey(key: unknown): AuthKey {
  if (key instanceof AuthKey) return AuthKey.from(key.borrowBytes())
  if (key instanceof Uint8Array) return AuthKey.from(key)
  const text = 'The key of ForkServer.connect() must be an AuthKey or the bytes of its export().'
  throw new UsageError('ERR_INVALID_ARGUMENT', text)
}
