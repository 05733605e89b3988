// Runs in: owner. The errors of a worker that does not start, or dies, and of its tasks. Pure.
import { ChildError, ProtocolError, ResourceError } from '../../errors.js'
import { inMilliseconds } from '../../promises/duration.js'
import { decodeValue } from '../../wire/values/clone.js'
import { decodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { Exit } from '../launch/exit.js'
import type { Call, Chunk } from './chunk.js'

const textOf = (thrown: unknown): string => (thrown as Error | undefined)?.message ?? String(thrown)

/** @param thrown what its initializer threw, as it came */
export function refusalOf(thrown: Uint8Array, pid: number | undefined): ChildError {
  const cause = decodeThrown(decodeValue(thrown) as ThrownData, { ownerStack: undefined, where: `worker ${pid}` })
  const text = `The initializer of worker ${pid} threw: ${textOf(cause)}`
  return new ChildError('ERR_CHILD_DIED', text, { pid }, { cause })
}

/** A worker was not ready in time. */
export function lateStart(milliseconds: number, pid: number | undefined): ChildError {
  const who = pid === undefined ? 'A worker' : `Worker ${pid}`
  const text = `${who} was not ready within the startTimeout of ${inMilliseconds(milliseconds)}, and was killed.`
  return new ChildError('ERR_TIMEOUT', `${text} Check whether the initializer ends, or raise startTimeout.`, { pid })
}

/** Workers have this long to be ready, in milliseconds, even if a task has less time to run. */
export const LEAST_WAIT_MS = 3_000

/** No worker was ready for a task within the time that the task has to run, or LEAST_WAIT_MS. */
export function lateWorker({ call: { reference, timeout } }: Chunk): ChildError {
  const waited = inMilliseconds(Math.max(timeout!, LEAST_WAIT_MS))
  const text = `No worker of the pool was ready to run ${reference.name}() within ${waited}.`
  const advice = 'Check whether the initializer ends, and whether the template answers.'
  return new ChildError('ERR_TIMEOUT', `${text} ${advice}`, {})
}

/** A worker was asked to leave, and did not. */
export function lateEnd(milliseconds: number, pid: number | undefined): ChildError {
  const limit = inMilliseconds(milliseconds)
  const text = `Worker ${pid} did not end within the teardownTimeout of ${limit}, and was killed.`
  return new ChildError('ERR_TIMEOUT', `${text} Check whether the teardown ends, or raise teardownTimeout.`, { pid })
}

/** What is known of a worker that has ended. */
export interface KnownEnd {
  pid: number | undefined
  /** How it ended, if that is known. */
  exit: Exit | undefined
  /** Why it was killed, or could not be started. */
  reason: Error | undefined
  /** What it threw, outside of its tasks. */
  thrown: unknown
  isReady: boolean
  /** The call whose task made the pool kill it. */
  culprit: Call | undefined
  /** The chunk that it ran. */
  chunk: Chunk | undefined
  memoryLimit: number | undefined
}

/**
 * The errors of a worker's end. They are made only if somebody asks: most workers for one task end as they should, and
 * a stack takes time.
 *
 * @returns the error of a chunk that it had begun; without one, its own
 */
export function endErrors(end: KnownEnd): (chunk?: Chunk) => Error {
  const { reason, culprit } = end
  let made: Error | undefined
  return (chunk) => {
    const isOfAnother = chunk && culprit && chunk.call !== culprit
    if (isOfAnother && reason && isAsked(reason)) return deathOf({ ...end, chunk })
    return (made ??= reason ?? deathOf(end))
  }
}

/** If the pool killed it for the task of another call, how that ended is the cause. */
function deathOf({ pid, exit, reason, thrown, isReady, chunk, memoryLimit }: KnownEnd): ChildError {
  const { exitCode, signal } = exit ?? { exitCode: null, signal: 'SIGKILL' as const }
  const how = signal ? `was killed by ${signal}` : `exited with code ${exitCode}`
  const task = chunk ? ` while it ran ${chunk.call.reference.name}()` : ''
  const why = thrown !== undefined && !isReady ? ` before it was ready: ${textOf(thrown)}` : `${task}.`
  const text = `Worker ${pid} ${how}${why}${hintOf(signal, memoryLimit)}`
  const cause = thrown ?? reason
  return new ChildError('ERR_CHILD_DIED', text, { pid, exitCode, signal }, cause === undefined ? undefined : { cause })
}

function hintOf(signal: NodeJS.Signals | null, memoryLimit: number | undefined): string {
  if (signal === 'SIGXCPU') return ' It used all of its limits.cpuSeconds: raise the limit, or give it less to do.'
  if (signal !== 'SIGABRT') return ''
  if (memoryLimit === undefined) return ' Its stderr may tell why. If it ran out of memory, raise limits.memory.'
  return ` It probably reached its limits.memory of ${memoryLimit} bytes: raise the limit, or give it less to keep.`
}

/** The process of a worker is gone, or does not answer, and its exit was not reported. */
export function lostWorker(pid: number | undefined): ChildError {
  const text = `Worker ${pid} was lost: its channel ended, and the template did not report its exit in time.`
  return new ChildError('ERR_CHILD_DIED', `${text} Check whether the template is stopped.`, { pid })
}

/** One worker after the other was given this chunk, and none began it. */
export function neverBegun(chunk: Chunk, cause: Error): ChildError {
  const { name } = chunk.call.reference
  const text = `${chunk.losses} workers ended before they began ${name}(). The last one: ${cause.message}`
  const { pid, exitCode = null, signal = null } = cause as Partial<ChildError>
  return new ChildError('ERR_CHILD_DIED', `${text} It is not run again.`, { pid, exitCode, signal }, { cause })
}

/** A task ran longer than it may. */
export function lateTask(
  { call: { reference, timeout } }: Chunk,
  pid: number | undefined,
  gracePeriod: number,
): ChildError {
  const isKilled = gracePeriod === 0
  const what = isKilled ? 'was killed' : `is asked to stop, and is killed in ${inMilliseconds(gracePeriod)}`
  const limit = inMilliseconds(timeout!)
  const text = `A task ${reference.name}() took longer than its timeout of ${limit}; worker ${pid} ${what}.`
  const signal = isKilled ? { signal: 'SIGKILL' as const } : {}
  return new ChildError('ERR_TIMEOUT', `${text} Give it more time, or less to do.`, { pid, ...signal })
}

/** No worker starts. */
export function brokenPool(cause: Error): ChildError {
  const text = `The workers of this pool end before they take a task. The last one: ${cause.message}`
  return new ChildError('ERR_POOL_BROKEN', `${text} Correct that, then make a new pool.`, { pid: undefined }, { cause })
}

/**
 * @param chunk that the worker does not have, or that is not the next one to be answered
 * @throws ProtocolError ERR_PROTOCOL, always
 */
export function wrongChunk(pid: number | undefined, chunk: number): never {
  const text = `Worker ${pid} answered for chunk ${chunk}, which it does not have now.`
  throw new ProtocolError('ERR_PROTOCOL', text)
}

/** Whether a worker's job failed because what the worker shares with its owner is broken. */
export function isBreach(error: unknown): error is Error {
  return error instanceof ProtocolError || error instanceof ResourceError
}

/** Whether the job of a worker failed only because its process ended. */
export const isDeath = (error: unknown): boolean => error instanceof ChildError && error.code === 'ERR_CHILD_DIED'

/** Whether the pool killed a worker for one of its tasks, or because it was to end. */
export const isAsked = (error: Error): boolean =>
  error.name === 'AbortError' || (error as { code?: unknown }).code === 'ERR_TIMEOUT'
