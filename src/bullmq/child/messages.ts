// Runs in: owner and child. What a job's process and its worker tell each other: lines of JSON. Pure.

/** What a job asks its worker to do: a method of BullMQ's Job, which speaks to Redis. */
export interface JobRequest {
  id: number
  method: JobMethod
  args: unknown[]
}

/** How an error travels. */
export interface RemoteError {
  name: string
  message: string
  stack?: string | undefined
}

/** From the worker: the answer to a request, or that the job was cancelled. */
export type WorkerMessage = { id: number; value?: unknown; error?: RemoteError } | { cancel: unknown }

/** The methods that a job in a process of its own has. */
export const JOB_METHODS = [
  'updateProgress',
  'updateData',
  'log',
  'getState',
  'moveToDelayed',
  'moveToWait',
  'moveToWaitingChildren',
  'getChildrenValues',
  'getIgnoredChildrenFailures',
  'getDependencies',
  'getDependenciesCount',
] as const

export type JobMethod = (typeof JOB_METHODS)[number]

/** The descriptor of the child's end. */
export const JOB_FD = 3

export const lineOf = (message: object): string => `${JSON.stringify(message)}\n`

/** Cuts text that comes in pieces into messages. */
export class MessageLines<T> {
  #rest = ''

  /** The messages that this piece completes. */
  take(piece: string): T[] {
    const lines = (this.#rest + piece).split('\n')
    this.#rest = lines.pop()!
    return lines.map((line) => JSON.parse(line) as T)
  }
}
