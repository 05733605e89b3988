// Runs in: owner, the program of BullMQ's worker. forkserverProcessor(): a processor for BullMQ that runs each job in a
// process of its own, forked from a template that has loaded the processor file.
import type { Duplex } from 'node:stream'
import { ChildError, type ForkServerError, UsageError } from '../errors.js'
import { remote } from '../owner/naming/remote.js'
import { Process } from '../owner/process/process.js'
import { ForkServer } from '../owner/server/fork-server.js'
import { type BullJob, sendCancel, serveJob } from './job-requests.js'
import { type CheckedProcessor, checkProcessor, type ProcessorOptions } from './processor-options.js'

const child = remote<typeof import('./child/run-processor.js')>(new URL('./child/run-processor.js', import.meta.url))
/**
 * A process whose job is done ends by itself. If it does not, it is killed after this many milliseconds. If a process
 * that it has started keeps its line open, that is closed as late.
 */
const END_MS = 5_000

/** A processor for BullMQ's Worker, whose jobs have results of this type. */
export interface ForkserverProcessor<Result = unknown> extends AsyncDisposable {
  /**
   * Runs a job in a process of its own. BullMQ calls it.
   *
   * @param job the job of BullMQ
   * @param token the token of its lock
   * @param signal aborted if it is cancelled
   * @returns what its processor has returned
   */
  (job: BullJob, token?: string, signal?: AbortSignal): Promise<Result>
  /**
   * Waits for its server, which starts with forkserverProcessor(), or with the next job if that failed.
   *
   * @returns the server
   * @throws TemplateError ERR_TEMPLATE_START, and what else ForkServer.start() throws; UsageError ERR_INVALID_STATE
   */
  ready(): Promise<ForkServer>
  /**
   * Kills the processes of jobs that still run, and ends the server, unless it is yours. Close the worker first: it
   * waits for its jobs.
   */
  close(): Promise<void>
}

/** What the jobs of a processor run on: the user's server, or its own; and their processes. */
class ProcessorServer {
  readonly #options: CheckedProcessor
  readonly #closing = new AbortController()
  readonly #running = new Set<JobProcess>()
  #server: Promise<ForkServer> | undefined

  constructor(options: CheckedProcessor) {
    this.#options = options
  }

  /** A start that failed fails the jobs that waited for it; the next job tries again. */
  get(): Promise<ForkServer> {
    if (this.#closing.signal.aborted) return Promise.reject(closed())
    this.#server ??= this.#start().catch((error: unknown) => {
      this.#server = undefined
      throw error
    })
    return this.#server
  }

  async #start(): Promise<ForkServer> {
    const { server, file } = this.#options
    if (server instanceof ForkServer) return server
    const signals = [this.#closing.signal, ...(server.signal ? [server.signal] : [])]
    const preload = [...(server.preload ?? []), child.module, file]
    return ForkServer.start({ ...server, preload, signal: AbortSignal.any(signals) })
  }

  /** Runs one job in one process. */
  async run(call: JobCall): Promise<unknown> {
    const server = await this.get()
    if (this.#closing.signal.aborted) throw closed()
    const run = new JobProcess(server, this.#options, call)
    this.#running.add(run)
    try {
      return await run.result()
    } finally {
      void run.ended().finally(() => this.#running.delete(run))
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(closed())
    await Promise.all(Array.from(this.#running, (run) => run.kill(closed())))
    if (this.#options.server instanceof ForkServer) return
    const server = await this.#server?.catch(() => undefined)
    await server?.close({ children: 'kill' })
  }
}

const closed = (): UsageError =>
  new UsageError('ERR_INVALID_STATE', 'The processor was closed. Close the worker of BullMQ before its processor.')

/** What BullMQ calls a processor with. */
interface JobCall {
  job: BullJob
  token: string | undefined
  signal: AbortSignal | undefined
}

/** The process of one job. */
class JobProcess {
  readonly #run: Process<typeof child.runProcessor>
  readonly #call: JobCall
  readonly #cancelTimeout: number | undefined
  #timer: NodeJS.Timeout | undefined
  #late: ForkServerError | undefined

  constructor(server: ForkServer, { file, stdio, cancelTimeout, process }: CheckedProcessor, call: JobCall) {
    const { job, token, signal } = call
    const task = { file, job: JSON.stringify(job.asJSONSandbox()), token, isCancellable: signal !== undefined }
    this.#call = call
    this.#cancelTimeout = cancelTimeout
    this.#run = new Process(child.runProcessor, [task], { ...process, server, stdio: [...stdio, 'pipe'] })
  }

  /** Starts it, and resolves with what the processor has returned. */
  async result(): Promise<unknown> {
    const { job, signal } = this.#call
    const cancel = (): void => this.#cancel()
    try {
      await this.#run.start()
      serveJob(job, this.#line!)
      if (signal?.aborted) cancel()
      else signal?.addEventListener('abort', cancel, { once: true })
      return JSON.parse(await this.#run.result)
    } catch (error) {
      throw this.#late ?? error
    } finally {
      clearTimeout(this.#timer)
      signal?.removeEventListener('abort', cancel)
    }
  }

  get #line(): Duplex | undefined {
    return this.#run.stdio.at(-1) ?? undefined
  }

  #cancel(): void {
    sendCancel(this.#line!, this.#call.signal?.reason)
    if (this.#cancelTimeout === undefined) return
    const ms = this.#cancelTimeout
    this.#timer = setTimeout(() => {
      this.#late = cancelled(this.#call.job, ms, this.#run.pid)
      this.#run.kill()
    }, ms)
  }

  /** Waits for its end, after its job has ended, and sees to it. */
  async ended(): Promise<void> {
    await this.#run.join({ timeout: END_MS }).catch(() => this.kill())
    const line = this.#line
    if (!line || line.closed) return
    // What the process has asked for before its end is still read.
    const timer = setTimeout(() => line.destroy(), END_MS)
    line.once('close', () => clearTimeout(timer))
  }

  /** Kills it, and waits for its end. A job that has not ended fails for this reason. */
  async kill(reason?: ForkServerError): Promise<void> {
    this.#late ??= reason
    await this.#run[Symbol.asyncDispose]()
  }
}

function cancelled({ id }: BullJob, ms: number, pid: number | undefined): ChildError {
  const text = `Job ${id} was cancelled and had not ended ${ms} ms later. Its process ${pid} was killed.`
  return new ChildError('ERR_TIMEOUT', text, { pid, signal: 'SIGKILL' })
}

/**
 * Makes a processor for BullMQ's Worker from a processor file, as BullMQ's own sandbox does. Each job runs in a fresh
 * process, which ends with it. The process is forked from a template that has loaded the file. The template starts at
 * once.
 *
 * @param file a URL, or an absolute path, of a module whose default export is the processor
 * @param options what each process gets, and how its server starts; see docs/BULLMQ.md
 * @returns the processor, for `new Worker()`
 * @throws UsageError ERR_INVALID_ARGUMENT (there is no such file), ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
 *
 * @example
 * const processor = forkserverProcessor<string>(new URL('./processor.js', import.meta.url), { timeout: 60_000 })
 * const worker = new Worker('pages', processor, { connection: redis, concurrency: 4 })
 * // At the end:
 * await worker.close()
 * await processor.close()
 */
export function forkserverProcessor<Result = unknown>(
  file: string | URL,
  options: ProcessorOptions = {},
): ForkserverProcessor<Result> {
  const server = new ProcessorServer(checkProcessor(file, options))
  // Three parameters: BullMQ counts them, and gives a signal only to a processor that takes it.
  const run = (job: BullJob, token?: string, signal?: AbortSignal): Promise<Result> =>
    server.run({ job, token, signal }) as Promise<Result>
  server.get().catch(() => {}) // the first job tells
  return Object.assign(run, {
    ready: () => server.get(),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  })
}
