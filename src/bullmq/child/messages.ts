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

/** The longest line, in UTF-16 units. Redis takes no longer value, and V8 has no longer string. */
const MAX_LINE = 2 ** 29 - 24

/** Cuts text that comes in pieces into messages. */
export class MessageLines<T> {
  /** The pieces of a line that has no end yet: joined once, because a long line comes in thousands of them. */
  #pieces: string[] = []
  #length = 0

  /**
   * The messages that this piece completes.
   * @throws Error for a line that is no JSON, or too long
   */
  take(piece: string): T[] {
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length > MAX_LINE) throw new RangeError('A line is too long.')
    if (!piece.includes('\n')) return []
    const lines = this.#pieces.join('').split('\n')
    const rest = lines.pop()!
    this.#pieces = [rest]
    this.#length = rest.length
    return lines.map((line) => JSON.parse(line) as T)
  }
}
