// Runs in: owner, the program of BullMQ's worker. Carries out what a job's process asks for, by the methods of BullMQ's
// Job, and tells it of a cancellation.
import type { Duplex } from 'node:stream'
import { JOB_METHODS, type JobRequest, lineOf, MessageLines, type RemoteError } from './child/messages.js'

/** What forkserver needs of BullMQ's Job: of version 5 or 6. */
export interface BullJob {
  /** Its number or name in its queue. */
  readonly id?: string | undefined
  /** The name that it was added with. */
  readonly name: string
  /** @returns what BullMQ gives to a process for the job */
  asJSONSandbox(): object
}

type Methods = Record<string, (...args: unknown[]) => unknown>

function remoteError(error: unknown): RemoteError {
  if (error instanceof Error) return { name: error.name, message: error.message, stack: error.stack }
  return { name: 'Error', message: String(error) }
}

async function carryOut(job: BullJob, { method, args }: JobRequest): Promise<unknown> {
  if (!(JOB_METHODS as readonly string[]).includes(method)) throw new TypeError(`A job has no method '${method}'.`)
  return await (job as unknown as Methods)[method]!(...args)
}

/** Serves a job's process until its end of the line is gone. */
export function serveJob(job: BullJob, line: Duplex): void {
  const lines = new MessageLines<JobRequest>()
  const answer = async (request: JobRequest): Promise<void> => {
    const { id } = request
    const reply = await carryOut(job, request).then(
      (value) => ({ id, value }),
      (error: unknown) => ({ id, error: remoteError(error) }),
    )
    if (line.writable) line.write(lineOf(reply))
  }
  line.setEncoding('utf8')
  line.on('error', () => {}) // the process has ended, which its result says
  line.on('data', (piece: string) => {
    for (const request of lines.take(piece)) void answer(request)
  })
}

/** Tells the process that its job was cancelled. */
export function sendCancel(line: Duplex, reason: unknown): void {
  const cancel = reason instanceof Error ? reason.message : reason
  if (line.writable) line.write(lineOf({ cancel: cancel ?? null }))
}
