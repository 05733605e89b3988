// Runs in: owner. The options of forkserverProcessor(): their types and their checks.
import { statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UsageError } from '../errors.js'
import { anything, type Check, checkOptions, invalidOption, milliseconds, object } from '../options/option-checks.js'
import { checkProcess, type ProcessOptions, type StdioOption } from '../owner/process/process-options.js'
import { ForkServer } from '../owner/server/fork-server.js'
import type { StartOptions } from '../owner/server/server-options.js'

/** What each process of a job gets, besides: as for Process. */
type OfProcess = Pick<ProcessOptions, 'cwd' | 'env' | 'limits' | 'killTree' | 'uid' | 'gid' | 'umask' | 'nice'>

/** Options of forkserverProcessor(). */
export interface ProcessorOptions extends OfProcess {
  /**
   * The server that forks the processes: one of yours, which should have preloaded the processor file and stays open;
   * or options of ForkServer.start() for one of its own. That one preloads the file, and what the options name before
   * it. A warm-up is a function that you name: nothing runs by itself.
   *
   * @example
   * const processor = forkserverProcessor(file, { server: { preload: ['sharp'], warmup: jobs.warmup } })
   */
  server?: ForkServer | StartOptions
  /** A job that takes longer fails, and its process is killed; in milliseconds. Default: no limit. */
  timeout?: number
  /**
   * How long a cancelled job (`worker.cancelJob()`) may go on before its process is killed and it fails, in
   * milliseconds. Default: no limit, as in BullMQ: a job that does not watch its signal goes on.
   */
  cancelTimeout?: number
  /** One word for stdin, stdout and stderr of each process, or a list of three; default `inherit`. */
  stdio?: Exclude<StdioOption, 'pipe'> | readonly Exclude<StdioOption, 'pipe'>[]
}

export interface CheckedProcessor {
  file: string
  server: ForkServer | StartOptions
  cancelTimeout: number | undefined
  /** Without the line to the worker. */
  stdio: readonly StdioOption[]
  process: ProcessOptions
}

const STANDARD_STREAMS = 3

const threeStreams: Check<readonly StdioOption[]> = (value, site) => {
  const each = Array.isArray(value)
    ? (value as StdioOption[])
    : Array<StdioOption>(STANDARD_STREAMS).fill(value as never)
  if (each.length !== STANDARD_STREAMS || each.includes('pipe'))
    throw invalidOption(site, "'inherit', 'ignore', a descriptor or a stream, or a list of three", value)
  return each
}

const serverOrOptions: Check<ForkServer | StartOptions> = (value, site) =>
  value instanceof ForkServer ? value : (object(value, site) as StartOptions)

/** @throws UsageError ERR_INVALID_ARGUMENT if there is no such file */
function checkFile(file: string | URL): string {
  const where = 'forkserverProcessor()'
  if (typeof file !== 'string' && !(file instanceof URL))
    throw new UsageError('ERR_INVALID_ARGUMENT', `${where} takes the processor file as a URL or an absolute path.`)
  const isUrl = file instanceof URL || file.startsWith('file:')
  const found = isUrl ? fileURLToPath(file) : file
  if (!path.isAbsolute(found))
    throw new UsageError(
      'ERR_INVALID_ARGUMENT',
      `The processor file of ${where} must be a URL or an absolute path, not '${found}'. ` +
        "Pass new URL('./processor.js', import.meta.url).",
    )
  if (!statSync(found, { throwIfNoEntry: false })?.isFile())
    throw new UsageError('ERR_INVALID_ARGUMENT', `There is no processor file ${found}.`)
  return pathToFileURL(found).href
}

/** @throws UsageError ERR_INVALID_ARGUMENT, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION */
export function checkProcessor(file: string | URL, options: ProcessorOptions): CheckedProcessor {
  const { server, cancelTimeout, stdio, ...process } = checkOptions<ProcessorOptions>(
    'forkserverProcessor()',
    options,
    {
      server: serverOrOptions,
      cancelTimeout: milliseconds,
      stdio: threeStreams as Check<never>,
      // Process has these, too: checkProcess() knows them.
      timeout: anything as Check<never>,
      cwd: anything as Check<never>,
      env: anything as Check<never>,
      limits: anything as Check<never>,
      killTree: anything as Check<never>,
      uid: anything as Check<never>,
      gid: anything as Check<never>,
      umask: anything as Check<never>,
      nice: anything as Check<never>,
    },
  )
  checkProcess(process)
  return {
    file: checkFile(file),
    server: server ?? {},
    cancelTimeout,
    stdio: (stdio as readonly StdioOption[] | undefined) ?? Array<StdioOption>(STANDARD_STREAMS).fill('inherit'),
    process,
  }
}
