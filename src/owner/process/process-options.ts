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
  string,
} from '../../options/option-checks.js'
import type { JobSurroundings } from '../../wire/job.js'
import { MAX_STDIO } from '../../wire/startup.js'
import type { StdioTarget } from '../launch/launcher.js'
import { checkArgv, Program } from '../naming/program-reference.js'
import { isReference } from '../naming/remote.js'
import { ForkServer } from '../server/fork-server.js'

/** What a process may use; it is ended when it wants more. */
export interface Limits {
  /**
   * What V8 may keep in its old generation, in bytes, as --max-old-space-size has it. It counts JavaScript objects,
   * but not the bytes of Buffers. A process that needs more ends with SIGABRT.
   */
  memory?: number
  /**
   * All memory that the process may have in use (its resident set size), in bytes: objects, Buffers, native code, and
   * what it shares with its template. The owner looks every 20 ms, and kills a process that has more.
   */
  rss?: number
  /** CPU time, in seconds: SIGXCPU at the limit, SIGKILL one second later. */
  cpuSeconds?: number
  /** Open descriptors: beyond it, opening one more fails with EMFILE. */
  openFiles?: number
}

/** Options of Process.join(). */
export interface JoinOptions {
  /** How long to wait, in milliseconds; the process goes on after it. */
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

/** Options of Process. */
export interface ProcessOptions {
  /** The server that starts it; default: ForkServer.default(). */
  server?: ForkServer
  /** Working directory; default: the owner's at the start. */
  cwd?: string
  /** Its whole environment; default: the owner's at the start. */
  env?: NodeJS.ProcessEnv
  /**
   * For all three streams, or one each for stdin, stdout, stderr and at most twelve more descriptors; default
   * 'inherit', for those 'ignore'.
   */
  stdio?: StdioOption | readonly StdioOption[]
  /** The process is killed so many milliseconds after the call of start(). It also ends a start that takes longer. */
  timeout?: number
  /** Aborting it kills the process. */
  signal?: AbortSignal
  limits?: Limits
  /** Whether it may outlive its owner, in a session of its own. */
  detached?: boolean
  /**
   * Whether all that it starts ends with it. It then leads a session of its own, as with `detached`. Its process group
   * gets every signal that the process gets from its owner: by kill(), timeout, an abort or close(). What is left of
   * the group gets SIGKILL when the process ends, and when its owner ends, unless it is detached. The terminal's Ctrl-C
   * does not reach it (docs/SIGNALS.md).
   */
  killTree?: boolean
  /** User and group that it becomes, without supplementary groups; numbers, as child_process has them. */
  uid?: number
  gid?: number
  /** Permissions that new files do not get; default: the template's, as it was at the template's start. */
  umask?: number
  /** Added to its share of the processor, from -20 (most) to 19, as nice(1) has it; default: the template's. */
  nice?: number
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
  throw invalidOption(site, "'inherit', 'ignore', 'pipe', an open descriptor or a stream that has one", value)
}

const stdio: Check<Stdio> = (value, site) => {
  const each: readonly unknown[] = Array.isArray(value) ? value : [value, value, value]
  if (each.length > MAX_STDIO) throw invalidOption(site, `at most ${MAX_STDIO} descriptors`, value)
  return Array.from({ length: Math.max(3, each.length) }, (_, index) =>
    stdioTarget(each[index] ?? (index < 3 ? 'inherit' : 'ignore'), { of: site.of, option: `${site.option}[${index}]` }),
  )
}

/** The smallest limit of memory, in bytes: less is a number of megabytes by mistake. */
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
  timeout?: number
  signal?: AbortSignal
  limits: Limits
  detached: boolean
  killTree: boolean
  uid?: number
  gid?: number
  umask?: number
  nice?: number
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkProcess(options: ProcessOptions): CheckedProcess {
  type Given = Omit<CheckedProcess, 'stdio' | 'limits' | 'detached' | 'killTree'> & {
    stdio?: Stdio
    limits?: Limits
    detached?: boolean
    killTree?: boolean
  }
  const given = checkOptions<Given>('Process', options, {
    server: forkServer,
    cwd: string,
    env: environment,
    stdio,
    timeout: milliseconds,
    signal: abortSignal,
    limits,
    detached: boolean,
    killTree: boolean,
    uid: integer(0, MAX_ID),
    gid: integer(0, MAX_ID),
    umask: integer(0, 0o777),
    nice: integer(-20, 19),
  })
  return {
    ...given,
    stdio: given.stdio ?? ['inherit', 'inherit', 'inherit'],
    limits: given.limits ?? {},
    detached: given.detached ?? false,
    killTree: given.killTree ?? false,
  }
}

/** What of the options travels with the job. */
export function surroundingsOf({ limits, uid, gid, umask, nice }: CheckedProcess): JobSurroundings {
  const { memory: heapLimit, cpuSeconds, openFiles } = limits
  const given = Object.entries({ heapLimit, cpuSeconds, openFiles, uid, gid, umask, nice })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

/**
 * Checks what a process shall run.
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
