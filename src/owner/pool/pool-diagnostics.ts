// Runs in: owner. Publishes what happens in a Pool: its calls, its workers, and the tasks that they are sent.
import { performance } from '../../platform/timers.js'
import type { TaskEndEvent } from '../diagnostics/events.js'
import { isObserved, publish } from '../diagnostics/publish.js'
import type { Assignment } from './assignments.js'
import type { Call, Chunk } from './chunk.js'
import type { WorkerEnd } from './worker-end.js'

/** What is published of a worker. */
interface PublishedWorker {
  /** Its number in the pool. */
  readonly id: number
  readonly pid: number | undefined
  /** The name of its pool. */
  readonly pool: string | undefined
  /** When it was started, by performance.now(). */
  readonly since: number
  /** Tasks that it was given in all. */
  readonly taken: number
}

/** A call of a pool's user. */
export function callMade(call: Call, pool: string | undefined): void {
  if (!isObserved('forkserver:pool:call')) return
  const { module, name } = call.reference
  publish('forkserver:pool:call', { call, pool, module, name })
}

/** A worker takes its first task now. */
export function workerStarted({ id: worker, pid, pool, since }: PublishedWorker): void {
  if (!isObserved('forkserver:worker:start')) return
  publish('forkserver:worker:start', { pool, worker, pid: pid!, durationMs: performance.now() - since })
}

/** A worker has ended. */
export function workerEnded(ended: PublishedWorker, { exit, neverReady }: WorkerEnd): void {
  if (!isObserved('forkserver:worker:end')) return
  const { id: worker, pid, pool, since, taken: tasks } = ended
  const { exitCode = null, signal = null } = exit ?? {}
  const durationMs = performance.now() - since
  publish('forkserver:worker:end', {
    pool,
    worker,
    pid,
    wasReady: !neverReady,
    tasks,
    exitCode,
    signal,
    durationMs,
  })
}

/** The tasks of a chunk are run again. */
export function chunkRequeued({ call, size: tasks }: Chunk, pool: string | undefined, error: Error): void {
  if (!isObserved('forkserver:task:requeue')) return
  const { module, name } = call.reference
  publish('forkserver:task:requeue', { call, pool, module, name, tasks, error })
}

let lastId = 0

/** A worker was sent a chunk. */
export function chunkSent({ id: worker, pid, pool }: PublishedWorker, sent: Assignment): void {
  if (!isObserved('forkserver:task:start') && !isObserved('forkserver:task:end')) return
  const { call, size: tasks, since: queuedAt } = sent.chunk
  const { module, name } = call.reference
  const since = performance.now()
  const id = ++lastId
  const event = { id, call, pool, worker, pid: pid!, module, name, tasks, waitMs: since - queuedAt }
  sent.published = { event, since }
  publish('forkserver:task:start', event)
}

type TaskEnd = Pick<TaskEndEvent, 'completed' | 'failed' | 'requeued' | 'error' | 'runMs'>

function ended({ event, since }: NonNullable<Assignment['published']>, end: TaskEnd): void {
  publish('forkserver:task:end', { ...event, ...end, durationMs: performance.now() - since })
}

/** The worker has answered, and the chunk is settled. */
export function chunkAnswered({ chunk, published }: Assignment, runMs: number): void {
  if (!published) return
  const { failed, failure: error } = chunk
  ended(published, { completed: chunk.size - failed, failed, requeued: 0, error, runMs })
}

/** The chunk was taken back before its worker began it. */
export function chunkTakenBack({ chunk, published }: Assignment): void {
  if (published) ended(published, { completed: 0, failed: 0, requeued: chunk.size, error: undefined, runMs: undefined })
}

/**
 * A worker has ended with chunks that it has not answered.
 *
 * @param unbegun the chunks, or what is left of them, that it had not begun
 */
export function chunksLost(lost: readonly Assignment[], unbegun: readonly Chunk[], error: Error): void {
  for (const { chunk, published } of lost) {
    if (!published) continue
    const requeued = unbegun.includes(chunk) ? chunk.size : 0
    const failed = published.event.tasks - requeued
    ended(published, { completed: 0, failed, requeued, error: failed > 0 ? error : undefined, runMs: undefined })
  }
}
