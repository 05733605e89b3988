// Runs in: owner. How a Pool calls its user's listeners: never from within its own steps, because
// an exception would leave a step half done.

import { AsyncResource } from 'node:async_hooks'
import type { EventEmitter } from 'node:events'
import { nextTick } from '../../platform/timers.js'
import type { Exit } from '../launch/exit.js'

/** Names a worker of a pool. */
export interface WorkerIdentity {
  /** Its number in the pool, as workerInfo() has it. */
  id: number
  /** Its process id. */
  pid: number
}

/** Events of a pool. An error that a listener throws is an uncaught exception, as everywhere in Node. */
export interface PoolEvents {
  /** A worker has run its initializer, and takes tasks. */
  workerStart: [worker: WorkerIdentity]
  /** A worker that was ready has ended: by itself, because its work was done, or because it was killed. */
  workerEnd: [worker: WorkerIdentity, exit: Pick<Exit, 'exitCode' | 'signal'>]
  /** With stdio 'capture': what a worker wrote outside of tasks, or in a task whose call has no onOutput. */
  output: [bytes: Buffer, stream: 'stdout' | 'stderr', worker: WorkerIdentity]
  /** run() failed with ERR_QUEUE_FULL, and there is room again. */
  drain: []
}

/** A worker that is reported: it has a process. Not PoolWorker, whose types need not be in the package. */
interface ReportedWorker {
  readonly id: number
  readonly pid: number | undefined
}

/** What a set reports to its pool. */
export interface WorkerSetListener {
  onWorkerStart(worker: ReportedWorker): void
  onWorkerEnd(worker: ReportedWorker, end: { readonly exit: Exit | undefined }): void
  onOutput(worker: ReportedWorker, bytes: Buffer, stream: PoolEvents['output'][1]): void
  /** The queue was full, and has room again. */
  onDrain(): void
}

const throwLater = (error: unknown): void => {
  nextTick(() => {
    throw error
  })
}

/**
 * The listener of a call, in the AsyncLocalStorage context of the call. An error that it throws is
 * an uncaught exception, and disturbs no task.
 */
export function inContext<A extends unknown[]>(
  listener: ((...args: A) => void) | undefined,
): ((...args: A) => void) | undefined {
  if (!listener) return undefined
  const bound = AsyncResource.bind(listener)
  return (...args) => {
    try {
      bound(...args)
    } catch (error) {
      throwLater(error)
    }
  }
}

const identityOf = ({ id, pid }: ReportedWorker): WorkerIdentity => ({ id, pid: pid! })

/** Emits what a worker set reports as events of its pool. */
export function listenerOf(pool: EventEmitter<PoolEvents>): WorkerSetListener {
  const emit = (emission: () => void): void => {
    nextTick(emission)
  }
  return {
    onWorkerStart: (worker) => emit(() => pool.emit('workerStart', identityOf(worker))),
    onWorkerEnd: (worker, { exit }) => {
      const { exitCode = null, signal = null } = exit ?? {}
      emit(() => pool.emit('workerEnd', identityOf(worker), { exitCode, signal }))
    },
    onOutput: (worker, bytes, stream) => emit(() => pool.emit('output', bytes, stream, identityOf(worker))),
    onDrain: () => emit(() => pool.emit('drain')),
  }
}
