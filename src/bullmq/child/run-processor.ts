// Runs in: child. Runs one job of BullMQ: imports the processor file, calls it, and ends the process.
import { importModule } from '../../platform/import-module.js'
import { type SandboxedProcessor, sandboxedJob } from './sandboxed-job.js'
import { WorkerLine } from './worker-line.js'

/** What the worker hands over. */
export interface ProcessorTask {
  /** The URL of the processor file. */
  file: string
  /** What asJSONSandbox() of BullMQ's Job returns, as JSON: it must not hold more than BullMQ's own sandbox gets. */
  job: string
  token: string | undefined
  isCancellable: boolean
}

/** A processor takes the job, its token, and the signal that says that the job was cancelled. */
const PARAMETERS_WITH_SIGNAL = 3

/** As BullMQ finds it: the default export, or that of a module which a compiler has turned into CommonJS. */
async function findProcessor(file: string): Promise<SandboxedProcessor> {
  const { default: exported } = (await importModule(file)) as { default?: { default?: unknown } }
  const processor = exported?.default ?? exported
  if (typeof processor === 'function') return processor as SandboxedProcessor
  throw new TypeError(`${file} has no default export that is a function. Export the processor of the jobs as default.`)
}

/**
 * An error that nobody has caught, also in a callback, is the job's: it ends the job, and so the process. Of several
 * the first one counts.
 */
function uncaught(): Promise<never> {
  return new Promise((_, reject) => process.on('uncaughtException', reject))
}

const asError = (thrown: unknown): unknown =>
  typeof thrown === 'object' && thrown !== null && 'message' in thrown ? thrown : new Error(String(thrown))

/** @returns what the processor returned, as JSON, which is how BullMQ keeps it */
export async function runProcessor({ file, job, token, isCancellable }: ProcessorTask): Promise<string> {
  const abort = new AbortController()
  const line = new WorkerLine((reason) => abort.abort(reason))
  // As in BullMQ's sandbox: the worker decides when a job ends, also if Ctrl-C reaches the whole process group.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  const failure = uncaught()
  try {
    const processor = await findProcessor(file)
    // BullMQ's own rule for processors that are functions. The line takes a third of the time of a light job.
    const takesSignal = processor.length >= PARAMETERS_WITH_SIGNAL
    if (isCancellable && takesSignal) line.open()
    const result = await Promise.race([
      processor(sandboxedJob(JSON.parse(job), line), token, takesSignal ? abort.signal : undefined),
      failure,
    ])
    return JSON.stringify(result) ?? 'null'
  } catch (thrown) {
    line.stop()
    throw asError(thrown)
  } finally {
    await line.settled()
    // Timers and connections that the processor has left must not keep a process whose job is done. The result is sent
    // before the event loop comes to this.
    setImmediate(() => process.exit())
  }
}
