// Runs in: owner, the program of BullMQ's worker. Carries out what a job's process asks for, by the methods of BullMQ's
// Job, and tells it of a cancellation.
import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'
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

/** The reply as a line. A value that JSON cannot hold is an error like any other. */
function lineOfReply(id: number, reply: { value: unknown } | { error: RemoteError }): string {
  try {
    return lineOf({ id, ...reply })
  } catch (error) {
    return lineOf({ id, error: remoteError(error) })
  }
}

/**
 * Serves a job's process until its end of the line is gone. The process runs code of others: what is no request ends
 * the line, and harms nobody else.
 */
export function serveJob(job: BullJob, line: Duplex): void {
  const lines = new MessageLines<JobRequest>()
  const answer = async (request: JobRequest): Promise<void> => {
    const reply = await carryOut(job, request).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: remoteError(error) }),
    )
    if (line.writable) line.write(lineOfReply(request.id, reply))
  }
  line.setEncoding('utf8')
  line.on('error', () => {}) // the process has ended, which its result says
  line.on('data', (piece: string) => {
    try {
      for (const request of lines.take(piece)) answer(request).catch(() => line.destroy())
    } catch {
      line.destroy()
    }
  })
}

/** Tells the process that its job was cancelled. */
export function sendCancel(line: Duplex, reason: unknown): void {
  const cancel = reason instanceof Error ? reason.message : (reason ?? null)
  if (line.writable) line.write(lineOf({ cancel: isJson(cancel) ? cancel : inspect(cancel) }))
}

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false // a BigInt, or a circle
  }
}
