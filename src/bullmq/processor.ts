// Runs in: owner, the program of BullMQ's worker. forkserverProcessor(): a processor for BullMQ that runs each job in a
// process of its own, forked from a template that has loaded the processor file.
import type { Duplex } from 'node:stream'
import { ChildError, UsageError } from '../errors.js'
import { remote } from '../owner/naming/remote.js'
import { Process } from '../owner/process/process.js'
import { ForkServer } from '../owner/server/fork-server.js'
import { type BullJob, sendCancel, serveJob } from './job-requests.js'
import { type CheckedProcessor, checkProcessor, type ProcessorOptions } from './processor-options.js'

const child = remote<typeof import('./child/run-processor.js')>(new URL('./child/run-processor.js', import.meta.url))
/** A process whose job is done ends by itself. If it does not, it is killed after this many milliseconds. */
const END_MS = 5_000

/** A processor for BullMQ's Worker. */
export interface ForkserverProcessor extends AsyncDisposable {
  /**
   * Runs a job in a process of its own. BullMQ calls it.
   *
   * @param job the job of BullMQ
   * @param token the token of its lock
   * @param signal aborted if it is cancelled
   * @returns what its processor has returned
   */
  // biome-ignore lint/suspicious/noExplicitAny: BullMQ's own processors return any
  (job: BullJob, token?: string, signal?: AbortSignal): Promise<any>
  /**
   * Waits for its server, which starts with forkserverProcessor(), or with the next job if that failed.
   *
   * @returns the server
   * @throws TemplateError ERR_TEMPLATE_START, and what else ForkServer.start() throws; UsageError ERR_INVALID_STATE
   */
  ready(): Promise<ForkServer>
  /** Ends the server, unless it is yours, and what still runs. Close the worker first: it waits for its jobs. */
  close(): Promise<void>
}

/** The server of a processor: the user's, or its own. */
class ProcessorServer {
  readonly #options: CheckedProcessor
  #server: Promise<ForkServer> | undefined
  #isClosed = false

  constructor(options: CheckedProcessor) {
    this.#options = options
  }

  /** A start that failed fails the jobs that waited for it; the next job tries again. */
  get(): Promise<ForkServer> {
    if (this.#isClosed) return Promise.reject(closed())
    this.#server ??= this.#start().catch((error: unknown) => {
      this.#server = undefined
      throw error
    })
    return this.#server
  }

  async #start(): Promise<ForkServer> {
    const { server, file } = this.#options
    if (server instanceof ForkServer) return server
    return ForkServer.start({ ...server, preload: [...(server.preload ?? []), child.module, file] })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#options.server instanceof ForkServer) return
    const server = await this.#server?.catch(() => undefined)
    await server?.close({ children: 'kill' })
  }
}

const closed = (): UsageError =>
  new UsageError('ERR_INVALID_STATE', 'The processor was closed. Close the worker of BullMQ before its processor.')

/** Runs one job in one process. */
async function runJob(
  server: ForkServer,
  { file, stdio, cancelTimeout, process: options }: CheckedProcessor,
  { job, token, signal }: { job: BullJob; token: string | undefined; signal: AbortSignal | undefined },
): Promise<unknown> {
  const task = { file, job: JSON.stringify(job.asJSONSandbox()), token, isCancellable: signal !== undefined }
  const run = new Process(child.runProcessor, [task], {
    ...options,
    server,
    stdio: [...stdio, 'pipe'],
  })
  let timer: NodeJS.Timeout | undefined
  let late: ChildError | undefined
  const cancel = (): void => {
    sendCancel(run.stdio.at(-1) as Duplex, signal?.reason)
    if (cancelTimeout !== undefined)
      timer = setTimeout(() => {
        late = cancelled(job, cancelTimeout, run.pid)
        run.kill()
      }, cancelTimeout)
  }
  try {
    await run.start()
    serveJob(job, run.stdio.at(-1) as Duplex)
    if (signal?.aborted) cancel()
    else signal?.addEventListener('abort', cancel, { once: true })
    return JSON.parse(await run.result)
  } catch (error) {
    throw late ?? error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
    void run.join({ timeout: END_MS }).catch(() => run.kill())
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
 * const processor = forkserverProcessor(new URL('./processor.js', import.meta.url), { timeout: 60_000 })
 * const worker = new Worker('pages', processor, { connection: redis, concurrency: 4 })
 * // At the end:
 * await worker.close()
 * await processor.close()
 */
export function forkserverProcessor(file: string | URL, options: ProcessorOptions = {}): ForkserverProcessor {
  const checked = checkProcessor(file, options)
  const server = new ProcessorServer(checked)
  // Three parameters: BullMQ counts them, and gives a signal only to a processor that takes it.
  const run = async (job: BullJob, token?: string, signal?: AbortSignal): Promise<unknown> =>
    runJob(await server.get(), checked, { job, token, signal })
  server.get().catch(() => {}) // the first job tells
  return Object.assign(run, {
    ready: () => server.get(),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  })
}
