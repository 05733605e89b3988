// Runs in: owner. What a pool counts and measures of its tasks and workers.

import { readFileSync } from 'node:fs'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { performance } from '../../platform/timers.js'
import type { Chunk, ChunkObserver, ChunkState } from './chunk.js'

/** How long something took, in milliseconds, since the pool was made; zeros if there was nothing yet. */
export interface TimeSummary {
  /** How many values the other figures describe. */
  count: number
  /** Their mean, in milliseconds. */
  mean: number
  /** The smallest, in milliseconds. */
  min: number
  /** The largest, in milliseconds. */
  max: number
  /** Half of them were at most this, in milliseconds. */
  p50: number
  /** 90 % of them were at most this, in milliseconds. */
  p90: number
  /** 99 % of them were at most this, in milliseconds. */
  p99: number
}

/** One worker of a pool. */
export interface WorkerStats {
  /** Its number in the pool, as workerInfo() has it. */
  id: number
  /** Undefined until its process has started. */
  pid: number | undefined
  /** How many tasks it was given. */
  tasks: number
  /**
   * The memory that it has in use (resident set size), in bytes. It includes pages that it shares with its
   * template. Undefined if /proc does not show it.
   */
  memory: number | undefined
}

/** What a pool is doing, and has done since it was made. */
export interface PoolStats {
  /** Tasks that no worker has. */
  queued: number
  /** Tasks that workers have, and have not answered. */
  running: number
  /** Tasks that delivered a result. */
  completed: number
  /** Tasks that failed. */
  failed: number
  /** Tasks that were queued again because their worker ended: it had not begun them, or they are retried. */
  rescheduled: number
  /** How long chunks ran. */
  runTime: TimeSummary
  /** How long chunks waited: in the queue, on the way, and in their worker for the chunks before them. */
  waitTime: TimeSummary
  /** The part of the workers' time that they spent in tasks: 0 to 1. */
  utilisation: number
  /** The workers that there are now. */
  workers: WorkerStats[]
}

const NS_PER_MS = 1e6
const MEMORY_CHECK_MS = 20

function summarise(histogram: RecordableHistogram): TimeSummary {
  const { count } = histogram
  const ms = (ns: number): number => (count === 0 ? 0 : ns / NS_PER_MS)
  return {
    count,
    mean: ms(histogram.mean),
    min: ms(histogram.min),
    max: ms(histogram.max),
    p50: ms(histogram.percentile(50)),
    p90: ms(histogram.percentile(90)),
    p99: ms(histogram.percentile(99)),
  }
}

const record = (histogram: RecordableHistogram, ms: number): void => {
  histogram.record(Math.max(1, Math.round(ms * NS_PER_MS))) // it takes no 0
}

/** What the meter reads of a worker. */
export interface MeteredWorker {
  readonly id: number
  readonly pid: number | undefined
  /** Tasks that it was given in all. */
  readonly taken: number
  /** Tasks that it has and has not answered. */
  readonly running: number
}

/** What one pool counts. Tasks are counted when their chunk changes its state. */
export class Meter implements ChunkObserver {
  readonly #runs = createHistogram()
  readonly #waits = createHistogram()
  #busyMs = 0
  /** The time that the workers that have ended lived, in milliseconds. */
  #livedMs = 0
  /** When the others started. */
  readonly #starts = new Map<number, number>()
  readonly #tasks: Record<ChunkState, number> = { queued: 0, sent: 0, begun: 0, settled: 0 }
  completed = 0
  failed = 0
  rescheduled = 0

  /** Tasks that no worker has. */
  get queued(): number {
    return this.#tasks.queued
  }

  onState(chunk: Chunk, from: ChunkState | undefined, to: ChunkState): void {
    if (from) this.#tasks[from] -= chunk.size
    this.#tasks[to] += chunk.size
  }

  onOutcomes(completed: number, failed: number): void {
    this.completed += completed
    this.failed += failed
  }

  workerStarted(id: number): void {
    this.#starts.set(id, performance.now())
  }

  workerEnded(id: number): void {
    const start = this.#starts.get(id)
    if (start !== undefined) this.#livedMs += performance.now() - start
    this.#starts.delete(id)
  }

  /** A chunk was answered. It waited for the part of its time in which it did not run. */
  ran({ since }: Chunk, ms: number): void {
    record(this.#runs, ms)
    record(this.#waits, performance.now() - since - ms)
    this.#busyMs += ms
  }

  /** @param workers the workers that live */
  statsOf(workers: readonly MeteredWorker[]): PoolStats {
    let lived = this.#livedMs
    for (const start of this.#starts.values()) lived += performance.now() - start
    const { queued, completed, failed, rescheduled } = this
    return {
      queued,
      running: workers.reduce((sum, worker) => sum + worker.running, 0),
      completed,
      failed,
      rescheduled,
      runTime: summarise(this.#runs),
      waitTime: summarise(this.#waits),
      utilisation: lived > 0 ? Math.min(1, this.#busyMs / lived) : 0,
      workers: workers.map(({ id, pid, taken }) => ({ id, pid, tasks: taken, memory: residentBytes(pid) })),
    }
  }
}

/** The resident set of a process, in bytes. Undefined if there is no such process, or no /proc. */
export function residentBytes(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

/** Reads the memory of a process from /proc, but not each time that it is asked, because a read takes time. */
export class MemoryLimit {
  readonly #maxBytes: number
  #lookedAt = 0
  #isOver = false

  /** @param maxBytes Infinity: no limit */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  isOver(pid: number | undefined): boolean {
    if (this.#isOver || this.#maxBytes === Number.POSITIVE_INFINITY) return this.#isOver
    const now = performance.now()
    if (now - this.#lookedAt < MEMORY_CHECK_MS) return false
    this.#lookedAt = now
    this.#isOver = (residentBytes(pid) ?? 0) > this.#maxBytes
    return this.#isOver
  }
}
