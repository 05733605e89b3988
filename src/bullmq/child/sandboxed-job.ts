// Runs in: child. The job that a processor gets: what BullMQ's Job holds, and its methods, which the worker carries
// out.
import { JOB_METHODS, type JobMethod } from './messages.js'
import type { WorkerLine } from './worker-line.js'

/**
 * A job in a process of its own, as BullMQ's sandbox gives it to a processor. What a method asks for is done when its
 * promise resolves; it rejects with the error of BullMQ.
 *
 * @example
 * async function run(job: SandboxedJob<{ pages: string[] }>): Promise<number> {
 *   for (const page of job.data.pages) await job.log(page)
 *   return job.data.pages.length
 * }
 */
export interface SandboxedJob<Data = unknown, Result = unknown> {
  /** Its number or name in its queue. */
  readonly id: string
  /** The name that it was added with. */
  readonly name: string
  /** The name of its queue, with the prefix of BullMQ. */
  readonly queueQualifiedName: string
  /** The name of its queue. */
  readonly queueName: string
  /** The options that it was added with. */
  readonly opts: Readonly<Record<string, unknown>>
  /** How often it was tried and has failed. */
  readonly attemptsMade: number
  /** How often it was started. */
  readonly attemptsStarted?: number
  /** When it was added, in milliseconds since 1970. */
  readonly timestamp: number
  /** When this attempt began, in milliseconds since 1970. */
  readonly processedOn?: number
  /** The key of the job that waits for it, if there is one. */
  readonly parentKey?: string
  /** What an earlier attempt has returned. */
  readonly returnValue: Result
  /** What the job was added with, or what updateData() has set. */
  data: Data
  /** What updateProgress() has stored last. */
  progress: unknown
  /**
   * Stores the progress of the job, and tells those who listen for it.
   *
   * @param progress any value that is JSON
   */
  updateProgress(progress: unknown): Promise<void>
  /**
   * Replaces the data of the job.
   *
   * @param data the new data, which is JSON
   */
  updateData(data: Data): Promise<void>
  /**
   * Adds a line to the job's log.
   *
   * @param row the line
   * @returns how many lines the log has
   */
  log(row: string): Promise<number>
  /** @returns the state of the job in Redis, such as `active` */
  getState(): Promise<string>
  /**
   * Moves the job to the delayed ones. The processor then has to throw BullMQ's DelayedError.
   *
   * @param timestamp when it is due, in milliseconds since 1970
   * @param token the token that the processor was given
   */
  moveToDelayed(timestamp: number, token?: string): Promise<void>
  /**
   * Moves the job to the waiting ones. The processor then has to throw BullMQ's WaitingError.
   *
   * @param token the token that the processor was given
   * @returns what BullMQ says
   */
  moveToWait(token?: string): Promise<unknown>
  /**
   * Lets the job wait for its children, if some have not ended.
   *
   * @param token the token that the processor was given
   * @param options those of BullMQ
   * @returns whether it waits: then the processor has to throw BullMQ's WaitingChildrenError
   */
  moveToWaitingChildren(token?: string, options?: object): Promise<boolean>
  /** @returns what its children have returned, by their keys */
  getChildrenValues<Value = unknown>(): Promise<Record<string, Value>>
  /** @returns why children have failed that it ignores, by their keys */
  getIgnoredChildrenFailures(): Promise<Record<string, string>>
  /**
   * @param options those of BullMQ
   * @returns its children, by what has become of them
   */
  getDependencies(options?: object): Promise<object>
  /**
   * @param options those of BullMQ
   * @returns how many children it has, by what has become of them
   */
  getDependenciesCount(options?: object): Promise<Record<string, number>>
}

/**
 * What a processor file exports as its default. The signal is aborted if the job is cancelled (`worker.cancelJob()`).
 * As in BullMQ, only a function with three parameters gets it.
 */
export type SandboxedProcessor<Data = unknown, Result = unknown> = (
  job: SandboxedJob<Data, Result>,
  token?: string,
  signal?: AbortSignal,
) => Result | PromiseLike<Result>

/** A field that BullMQ's Job holds as JSON; what it is without one. */
const parsed = (text: unknown): unknown => JSON.parse(typeof text === 'string' && text !== '' ? text : '{}')

/** @param json what asJSONSandbox() of BullMQ's Job returns */
export function sandboxedJob(json: Record<string, unknown>, line: WorkerLine): SandboxedJob {
  const ask = Object.fromEntries(
    JOB_METHODS.map((method) => [method, (...args: unknown[]) => line.ask(method, args)]),
  ) as Record<JobMethod, (...args: unknown[]) => Promise<unknown>>
  const job = {
    ...json,
    ...ask,
    data: parsed(json.data),
    returnValue: parsed(json.returnvalue),
    updateProgress(progress: unknown): Promise<unknown> {
      this.progress = progress
      return ask.updateProgress(progress)
    },
    async updateData(data: unknown): Promise<void> {
      await ask.updateData(data)
      this.data = data
    },
    progress: json.progress,
  }
  return job as unknown as SandboxedJob
}
