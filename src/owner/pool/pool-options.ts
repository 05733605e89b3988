// Runs in: owner. The options of Pool: their types, their checks and their defaults.
import os from 'node:os'
import { UsageError } from '../../errors.js'
import {
  abortSignal,
  type Check,
  callback,
  checkOptions,
  environment,
  integer,
  invalidOption,
  listOf,
  milliseconds,
  oneOf,
  string,
} from '../../options/option-checks.js'
import { reference } from '../naming/reference-check.js'
import type { Reference } from '../naming/remote.js'
import { forkServer, type Limits, limits } from '../process/process-options.js'
import type { ForkServer } from '../server/fork-server.js'

/** Options of Pool. */
export interface PoolOptions {
  /** The server that starts the workers; default: ForkServer.default(). */
  server?: ForkServer
  /** The most workers that work at a time; default: os.availableParallelism(). */
  processes?: number
  /** Workers that are started at once and kept when idle; default 0: workers are started when there is work. */
  minProcesses?: number
  /** An idle worker beyond minProcesses ends after this long, in milliseconds; default: it stays. */
  idleTimeout?: number
  /**
   * A function that each worker calls before its first task, with initArgs.
   *
   * @example
   * const pool = new Pool({ server, initializer: jobs.openDatabase, initArgs: [url], teardown: jobs.closeDatabase })
   */
  initializer?: Reference
  /** The arguments of the initializer; they are structured-cloned. Default: none. */
  initArgs?: readonly unknown[]
  /** A function that each worker calls before it leaves, unless it is killed. */
  teardown?: Reference
  /**
   * How long a worker may take to start and run its initializer, in milliseconds; default 30,000. A worker that takes
   * longer is killed, as if its initializer had failed.
   */
  startTimeout?: number
  /** How long a worker may take to leave, with its teardown, in milliseconds; default 3,000. Then it is killed. */
  teardownTimeout?: number
  /** After this many tasks a worker takes no new chunk, and another worker replaces it; default: no limit. */
  maxTasksPerChild?: number
  /**
   * A worker that uses more memory than this, in bytes of resident set size, takes no new chunk, and
   * another worker replaces it; default: no limit.
   */
  maxMemoryPerChild?: number
  /**
   * `task`: each task runs in a new process, which is forked in advance; default `worker`.
   *
   * @example
   * const pool = new Pool({ server, isolate: 'task' }) // no task sees what another one left
   */
  isolate?: 'worker' | 'task'
  /** run() fails with ERR_QUEUE_FULL while this many tasks wait, at least 1; default: no limit. */
  maxQueue?: number
  /**
   * If nobody waits for a task any more (its signal was aborted, or its time is over), workerInfo().signal
   * is aborted in its worker. If the task has not ended this many milliseconds later, its worker is
   * killed; default 0: the worker is killed at once.
   *
   * @example
   * const pool = new Pool({ server, gracePeriod: 500 })
   * // and in the task: workerInfo()?.signal.addEventListener('abort', () => removeTemporaryFiles())
   */
  gracePeriod?: number
  /** workerInfo().name in the tasks, and the title of the workers' processes. */
  name?: string
  /** What each worker may use; default: no limits. */
  limits?: Limits
  /** Their working directory; default: the owner's when a worker starts. */
  cwd?: string
  /** Their whole environment; default: the owner's when a worker starts. */
  env?: NodeJS.ProcessEnv
  /**
   * Where their output goes: `inherit` (default), `ignore`, or `capture`: to onOutput of the call, or else to the
   * event 'output'.
   *
   * @example
   * const pool = new Pool({ server, stdio: 'capture' })
   * await pool.run(jobs.build, [], { onOutput: (bytes, stream) => process[stream].write(bytes) })
   */
  stdio?: 'inherit' | 'ignore' | 'capture'
}

/** Options of one task. */
export interface RunOptions {
  /** Aborting it forgets a task that waits and kills the worker of one that runs. */
  signal?: AbortSignal
  /**
   * The worker is killed when the task runs longer than this, in milliseconds. The time that a task
   * waits for other tasks does not count. The task also fails if no worker of the pool is ready for that
   * time, or for three seconds if that is longer.
   */
  timeout?: number
  /** Tasks of a higher priority are run first; default 0. */
  priority?: number
  /**
   * How often the task is run again if its worker dies; default 0. Only for tasks that may begin twice.
   *
   * @example
   * const html = await pool.run(jobs.render, [page], { retries: 2 })
   */
  retries?: number
  /**
   * Takes each value that the task passes to emitProgress(), and the number of its item. It is called
   * in the AsyncLocalStorage context of the call.
   */
  onProgress?: (value: unknown, item: number) => void
  /**
   * With `stdio: 'capture'`: takes the output of the task and the number of its item, before the result comes.
   * It is called in the AsyncLocalStorage context of the call. If the worker died, all of its output in the
   * chunk comes with the last item that it began.
   */
  onOutput?: (bytes: Buffer, stream: 'stdout' | 'stderr', item: number) => void
}

/** Options of map() and starmap(). */
export interface MapOptions extends RunOptions {
  /**
   * How many tasks are sent to a worker together. `auto`, the default, chooses it so that a chunk runs
   * for some milliseconds. With a timeout, or if the pool has `isolate: 'task'`, it is 1.
   */
  chunkSize?: number | 'auto'
}

/** Options of imap() and imapUnordered(). */
export interface ImapOptions extends MapOptions {
  /** How many items are read ahead of those that workers run; default: twice as many as run, and at least 64. */
  bufferSize?: number
  /** `throw`, the default: the first error ends the iteration. `yield`: all results come as PromiseSettledResult. */
  onError?: 'throw' | 'yield'
}

const priority: Check<number> = (value, site) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw invalidOption(site, 'a finite number', value)
}

const anything: Check<readonly unknown[]> = listOf<unknown>((value) => value)

/** The options of a pool, checked and with their defaults. */
export type CheckedPool = Omit<PoolOptions, Defaulted> & Required<Pick<PoolOptions, Defaulted>>

type Defaulted = 'processes' | 'isolate' | 'stdio' | 'startTimeout' | 'teardownTimeout'

const START_TIMEOUT_MS = 30_000
const TEARDOWN_TIMEOUT_MS = 3_000

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkPool(options: PoolOptions): CheckedPool {
  const checked = checkOptions<PoolOptions>('new Pool()', options, {
    server: forkServer,
    processes: integer(1, 10_000),
    minProcesses: integer(0, 10_000),
    idleTimeout: milliseconds,
    initializer: reference,
    initArgs: anything,
    teardown: reference,
    maxTasksPerChild: integer(1),
    isolate: oneOf(['worker', 'task']),
    maxMemoryPerChild: integer(1),
    maxQueue: integer(1),
    gracePeriod: milliseconds,
    name: string,
    limits,
    startTimeout: milliseconds,
    teardownTimeout: milliseconds,
    cwd: string,
    env: environment,
    stdio: oneOf(['inherit', 'ignore', 'capture']),
  })
  const { processes = os.availableParallelism(), isolate = 'worker', stdio = 'inherit' } = checked
  const { startTimeout = START_TIMEOUT_MS, teardownTimeout = TEARDOWN_TIMEOUT_MS } = checked
  return { ...checked, processes, isolate, stdio, startTimeout, teardownTimeout }
}

const progress: Check<NonNullable<RunOptions['onProgress']>> = (value, site) => callback(value, site) as never
const output: Check<NonNullable<RunOptions['onOutput']>> = (value, site) => callback(value, site) as never
const RUN = {
  signal: abortSignal,
  timeout: milliseconds,
  priority,
  retries: integer(0),
  onProgress: progress,
  onOutput: output,
}
const chunkSize: Check<number | 'auto'> = (value, site) => {
  if (value === 'auto' || (Number.isSafeInteger(value) && (value as number) >= 1)) return value as number | 'auto'
  throw invalidOption(site, "an integer of at least 1, or 'auto'", value)
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkRun(options: RunOptions): RunOptions {
  return checkOptions<RunOptions>('Pool.run()', options, RUN)
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkMap(of: string, options: MapOptions, pool: { isolates: boolean }): MapOptions {
  return checkChunkSize(of, checkOptions<MapOptions>(of, options, { ...RUN, chunkSize }), pool)
}

/** @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT */
export function checkImap(of: string, options: ImapOptions, pool: { isolates: boolean }): ImapOptions {
  const checks = { ...RUN, chunkSize, bufferSize: integer(0), onError: oneOf(['throw', 'yield']) }
  return checkChunkSize(of, checkOptions<ImapOptions>(of, options, checks), pool)
}

/**
 * A time limit holds for one task. If tasks shared a chunk, the owner could not see when each of them begins. And a
 * process for each task has one task.
 */
function checkChunkSize<O extends MapOptions>(of: string, options: O, { isolates }: { isolates: boolean }): O {
  const { timeout, chunkSize } = options
  if (timeout === undefined && !isolates) return options
  if (chunkSize === undefined || chunkSize === 1 || chunkSize === 'auto') return { ...options, chunkSize: 1 }
  const text = isolates
    ? `Option 'chunkSize' of ${of} is ${chunkSize}, but this pool has isolate: 'task': each task has its own process.`
    : `Options 'timeout' and 'chunkSize' of ${of} exclude each other: a task with a time limit is sent alone.`
  throw new UsageError('ERR_INVALID_OPTION', `${text} Leave one of them out.`)
}
