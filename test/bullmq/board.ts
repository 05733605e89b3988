// Runs in: the test runner. A queue on a Redis, and a worker for it; what became of each job.
import { randomUUID } from 'node:crypto'
import { type Job, type JobsOptions, Queue, QueueEvents, Worker, type WorkerOptions } from 'bullmq'
import type { Redis } from '../support/redis.js'
import { SLOWNESS } from '../support/slowness.js'

const JOB_LIMIT_MS = 60_000 * SLOWNESS

export type Processor = ConstructorParameters<typeof Worker>[1]

/** What became of a job, without what differs from run to run. */
export interface Outcome {
  value: unknown
  failedReason: string | undefined
  attemptsMade: number
  progress: unknown
  data: unknown
  logs: string[]
}

/** One queue with one worker. Ends both; the processor is the caller's. */
export class Board implements AsyncDisposable {
  readonly queue: Queue
  readonly worker: Worker
  readonly #events: QueueEvents

  constructor(redis: Redis, processor: Processor, options: Partial<WorkerOptions> = {}) {
    const name = `test-${randomUUID()}`
    const { connection } = redis
    this.queue = new Queue(name, { connection })
    this.#events = new QueueEvents(name, { connection })
    this.worker = new Worker(name, processor, { concurrency: 2, drainDelay: 1, ...options, connection })
    this.queue.on('error', () => {})
    this.#events.on('error', () => {})
    this.worker.on('error', () => {})
  }

  async add(name: string, data: unknown = {}, options: JobsOptions = {}): Promise<Job> {
    await this.#events.waitUntilReady()
    return this.queue.add(name, data, options)
  }

  /** Waits until the job has ended, and tells how. */
  async outcomeOf(job: Job): Promise<Outcome> {
    await job.waitUntilFinished(this.#events, JOB_LIMIT_MS).catch(() => {}) // the job itself tells
    const { returnvalue, failedReason, attemptsMade, progress, data } = (await this.queue.getJob(job.id!))!
    const { logs } = await this.queue.getJobLogs(job.id!)
    return { value: returnvalue, failedReason, attemptsMade, progress, data, logs }
  }

  async run(name: string, data?: unknown, options?: JobsOptions): Promise<Outcome> {
    return this.outcomeOf(await this.add(name, data, options))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.close()
    await this.#events.close()
    await this.queue.close()
  }
}
