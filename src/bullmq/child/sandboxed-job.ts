// Runs in: child. The job that a processor gets: what BullMQ's Job holds, and its methods, which the worker carries
// out.
import { JOB_METHODS, type JobMethod } from './messages.js'
import type { WorkerLine } from './worker-line.js'

/**
 * A job in a process of its own, as BullMQ's sandbox gives it to a processor. What a method asks for is done when its
 * promise resolves; it rejects with the error of BullMQ.
 */
export interface SandboxedJob<Data = unknown, Result = unknown> {
  readonly id: string
  readonly name: string
  readonly queueQualifiedName: string
  readonly queueName: string
  readonly opts: Readonly<Record<string, unknown>>
  readonly attemptsMade: number
  readonly attemptsStarted?: number
  readonly timestamp: number
  readonly processedOn?: number
  readonly parentKey?: string
  readonly returnValue: Result
  /** What the job was added with, or what updateData() has set. */
  data: Data
  progress: unknown
  /** Stores the progress of the job, and tells those who listen for it. */
  updateProgress(progress: unknown): Promise<void>
  /** Replaces the data of the job. */
  updateData(data: Data): Promise<void>
  /** Adds a line to the job's log. Resolves with the number of lines. */
  log(row: string): Promise<number>
  /** The state of the job in Redis, such as `active`. */
  getState(): Promise<string>
  /** Moves the job to the delayed ones; the processor then has to throw BullMQ's DelayedError. */
  moveToDelayed(timestamp: number, token?: string): Promise<void>
  /** Moves the job to the waiting ones; the processor then has to throw BullMQ's WaitingError. */
  moveToWait(token?: string): Promise<unknown>
  /** Whether the job now waits for its children; if so, the processor has to throw BullMQ's WaitingChildrenError. */
  moveToWaitingChildren(token?: string, options?: object): Promise<boolean>
  getChildrenValues<Value = unknown>(): Promise<Record<string, Value>>
  getIgnoredChildrenFailures(): Promise<Record<string, string>>
  getDependencies(options?: object): Promise<object>
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
