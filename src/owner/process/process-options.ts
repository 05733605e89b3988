// Runs in: owner. The options of Process: their types, their checks and their defaults.
import type { Readable, Writable } from 'node:stream'
import { UsageError } from '../../errors.js'
import {
  abortSignal,
  boolean,
  bytes,
  type Check,
  checkOptions,
  either,
  environment,
  integer,
  invalidOption,
  milliseconds,
  nested,
  oneOf,
  string,
} from '../../options/option-checks.js'
import type { JobSurroundings, Serialization } from '../../wire/job.js'
import { MAX_STDIO } from '../../wire/startup.js'
import type { StdioTarget } from '../launch/launcher.js'
import { checkArgv, Program } from '../naming/program-reference.js'
import { isReference } from '../naming/remote.js'
import { ForkServer } from '../server/fork-server.js'

/** What a process may use. All default to no limit. */
export interface Limits {
  /**
   * The most that V8 may keep in its old generation, in bytes (--max-old-space-size in Node). It counts JavaScript
   * objects, but not the bytes of Buffers. A process that needs more ends with SIGABRT.
   */
  memory?: number
  /**
   * The most memory that the process may have in use (its resident set size), in bytes: objects,
   * Buffers, native memory, and pages that it shares with its template. The owner checks every 20
   * ms, and kills a process that uses more.
   */
  rss?: number
  /** CPU time, in seconds. The process gets SIGXCPU at the limit and SIGKILL one second later. */
  cpuSeconds?: number
  /** Open descriptors. At the limit, opening one more fails with EMFILE. */
  openFiles?: number
}

/** Options of Process.join(). */
export interface JoinOptions {
  /** How long to wait, in milliseconds; default: no limit. The process goes on after it. */
  timeout?: number
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkJoin(options: JoinOptions): JoinOptions {
  return checkOptions<JoinOptions>('Process.join()', options, {
    timeout: either('a number of milliseconds', milliseconds, integer(0, 0)),
  })
}

/** One descriptor of the child: a word of child_process, a descriptor, or a stream that has one. */
export type StdioOption = 'inherit' | 'ignore' | 'pipe' | number | Readable | Writable

/**
 * The option stdio of a process: one entry for its three standard streams, or a list of entries. One entry of a list
 * may be 'ipc': Node's IPC channel, over which both sides send messages.
 */
export type StdioOptions = StdioOption | readonly (StdioOption | 'ipc')[]

/** The owner's stream for an entry of stdio. */
type PipeFor<Entry, Stream> = Entry extends 'pipe' ? Stream : null

type PipeIn<S, Fd extends string, Stream> = S extends readonly (infer Entry)[]
  ? number extends S['length']
    ? PipeFor<Entry, Stream> | null
    : PipeFor<Fd extends keyof S ? S[Fd] : 'inherit', Stream>
  : PipeFor<S, Stream>

/**
 * The owner's stream for descriptor Fd ('0', '1' or '2') of a process whose stdio is S: null if it is no pipe.
 *
 * `infer` is there for the compiler: it then takes a process with a known stdio for a process with any.
 */
export type PipeAt<S, Fd extends string, Stream> = S extends infer Given ? PipeIn<Given, Fd, Stream> : never

/** Options of Process. */
export interface ProcessOptions<S extends StdioOptions = StdioOptions> {
  /** The server that starts it; default: ForkServer.default(). */
  server?: ForkServer
  /** Working directory; default: the owner's at the start. */
  cwd?: string
  /** Its whole environment; default: the owner's at the start. */
  env?: NodeJS.ProcessEnv
  /**
   * One word for stdin, stdout and stderr, or a list with one entry for each of them and for up to twelve more
   * descriptors. The default is 'inherit', and 'ignore' for further descriptors.
   */
  stdio?: S
  /**
   * How the messages of the IPC channel are written: as JSON, or as structured clones ('advanced'), which also carry
   * a Map, a Date, a BigInt or an Error. Only with 'ipc' in `stdio`; default 'json'.
   */
  serialization?: Serialization
  /**
   * The process is killed this many milliseconds after the call of start(), even while it starts; default: no limit.
   */
  timeout?: number
  /** Aborting it kills the process. */
  signal?: AbortSignal
  /**
   * What the process may use; default: no limits.
   *
   * @example
   * const p = new Process(jobs.render, [page], { server, limits: { rss: 512 * 1024 * 1024, cpuSeconds: 10 } })
   */
  limits?: Limits
  /** Whether it may outlive its owner, in a session of its own; default false. */
  detached?: boolean
  /**
   * Whether all processes that it starts end with it; default false. It then leads a session of its own, as with
   * `detached`. Its process group gets every signal that the process gets from its owner: by kill(), timeout, an abort
   * or close(). The rest of the group gets SIGKILL when the process ends, and when its owner ends, unless it is
   * detached. The terminal's Ctrl-C does not reach it (docs/SIGNALS.md).
   *
   * @example
   * const p = new Process(jobs.build, [folder], { server, killTree: true, timeout: 60_000 })
   */
  killTree?: boolean
  /** The number of the user that it runs as, without supplementary groups; default: the template's. Only for root. */
  uid?: number
  /** The number of the group that it runs as; default: the template's. Only for root. */
  gid?: number
  /** The umask: permissions that new files do not get; default: that of the template at its start. */
  umask?: number
  /** Its priority for the processor, from -20 (most) to 19 (least), as in nice(1); default: the template's. */
  nice?: number
  /**
   * Whether the process tells at its end which modules of packages it has loaded: `loadedModules`; default false. A
   * template that preloads them saves the next processes that time. In Node 20 only CommonJS modules are told.
   *
   * @example
   * const p = await new Process(jobs.render, [page], { server, recordModules: true }).start()
   * await p.join()
   * console.log(p.loadedModules)
   */
  recordModules?: boolean
}

/** Linux has 32 bits for it, and the last one means none. */
const MAX_ID = 2 ** 32 - 2

type Stdio = readonly StdioTarget[]

function descriptorOf(stream: object): number | undefined {
  const { fd, _handle } = stream as { fd?: unknown; _handle?: { fd?: unknown } | null }
  const found = typeof fd === 'number' ? fd : _handle?.fd
  return typeof found === 'number' && found >= 0 ? found : undefined
}

const stdioTarget: Check<StdioTarget> = (value, site) => {
  if (value === 'inherit' || value === 'ignore' || value === 'pipe') return value
  if (Number.isInteger(value) && (value as number) >= 0) return value as number
  const fd = typeof value === 'object' && value !== null ? descriptorOf(value) : undefined
  if (fd !== undefined) return fd
  const must = "'inherit', 'ignore', 'pipe', an open descriptor or a stream that has one, or in a list once 'ipc'"
  throw invalidOption(site, must, value)
}

const stdio: Check<Stdio> = (value, site) => {
  const each: readonly unknown[] = Array.isArray(value) ? value : [value, value, value]
  if (each.length > MAX_STDIO) throw invalidOption(site, `at most ${MAX_STDIO} descriptors`, value)
  return Array.from({ length: Math.max(3, each.length) }, (_, index) => {
    if (each[index] === 'ipc' && Array.isArray(value) && value.indexOf('ipc') === index) return 'ipc'
    const target = each[index] ?? (index < 3 ? 'inherit' : 'ignore')
    return stdioTarget(target, { of: site.of, option: `${site.option}[${index}]` })
  })
}

/** The smallest limit of memory, in bytes. A smaller number was probably meant in megabytes. */
const LEAST_MEMORY = 1024 * 1024

/** Limits of a process. */
export const limits: Check<Limits> = nested<Limits>({
  memory: bytes(LEAST_MEMORY),
  rss: bytes(LEAST_MEMORY),
  cpuSeconds: integer(1, 2 ** 31 - 2),
  openFiles: integer(16, 2 ** 31 - 1),
})

/** A server. */
export const forkServer: Check<ForkServer> = (value, site) => {
  if (value instanceof ForkServer) return value
  const hint = value instanceof Promise ? ' (await it: `server: await ForkServer.start()`)' : ''
  throw invalidOption(site, `a ForkServer${hint}`, value)
}

/** The options of a process, checked and with their defaults. */
export interface CheckedProcess {
  server?: ForkServer
  cwd?: string
  env?: NodeJS.ProcessEnv
  stdio: Stdio
  serialization?: Serialization
  timeout?: number
  signal?: AbortSignal
  limits: Limits
  detached: boolean
  killTree: boolean
  uid?: number
  gid?: number
  umask?: number
  nice?: number
  recordModules: boolean
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkProcess(options: ProcessOptions): CheckedProcess {
  type Given = Omit<CheckedProcess, 'stdio' | 'limits' | 'detached' | 'killTree' | 'recordModules'> & {
    stdio?: Stdio
    limits?: Limits
    detached?: boolean
    killTree?: boolean
    recordModules?: boolean
  }
  const given = checkOptions<Given>('Process', options, {
    server: forkServer,
    cwd: string,
    env: environment,
    stdio,
    serialization: oneOf(['json', 'advanced']),
    timeout: milliseconds,
    signal: abortSignal,
    limits,
    detached: boolean,
    killTree: boolean,
    uid: integer(0, MAX_ID),
    gid: integer(0, MAX_ID),
    umask: integer(0, 0o777),
    nice: integer(-20, 19),
    recordModules: boolean,
  })
  if (given.serialization && !given.stdio?.includes('ipc')) {
    const site = { of: 'Process', option: 'serialization' }
    throw invalidOption(
      site,
      "absent without an IPC channel: stdio: ['inherit', 'inherit', 'inherit', 'ipc']",
      given.serialization,
    )
  }
  return {
    ...given,
    stdio: given.stdio ?? ['inherit', 'inherit', 'inherit'],
    limits: given.limits ?? {},
    detached: given.detached ?? false,
    killTree: given.killTree ?? false,
    recordModules: given.recordModules ?? false,
  }
}

/** The options that travel with the job. */
export function surroundingsOf({ limits, uid, gid, umask, nice, recordModules }: CheckedProcess): JobSurroundings {
  const { memory: heapLimit, cpuSeconds, openFiles } = limits
  const given = Object.entries({
    ...{ heapLimit, cpuSeconds, openFiles, uid, gid, umask, nice },
    recordModules: recordModules || undefined,
  })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

/**
 * Checks the function or program that a process is to run, and its arguments.
 * @throws UsageError ERR_INVALID_ARGUMENT
 */
export function checkTask(reference: unknown, args: unknown): void {
  if (!isReference(reference) && !(reference instanceof Program)) {
    const text = 'A Process takes a reference to an exported function, remote(moduleUrl).name, or a program(file).'
    throw new UsageError('ERR_INVALID_ARGUMENT', text)
  }
  if (!Array.isArray(args)) {
    const text = 'The arguments of a Process must be an array: new Process(jobs.render, [page]).'
    throw new UsageError('ERR_INVALID_ARGUMENT', text)
  }
  if (reference instanceof Program) checkArgv(args)
}
