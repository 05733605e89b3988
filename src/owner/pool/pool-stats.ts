// Runs in: owner. What a pool counts and times of its tasks and workers.

import { readFileSync } from 'node:fs'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { performance } from '../../platform/timers.js'
import type { Chunk } from './chunk.js'

/** How long something took, in milliseconds, over all that a pool has seen; zeros where there was nothing yet. */
export interface TimeSummary {
  count: number
  mean: number
  min: number
  max: number
  p50: number
  p90: number
  p99: number
}

/** One worker of a pool. */
export interface WorkerStats {
  /** Its number in the pool, as workerInfo() has it. */
  id: number
  /** Undefined until it has one. */
  pid: number | undefined
  /** Tasks that it was given. */
  tasks: number
  /** Bytes of memory that it has in use (resident set size), those that it shares with its template among them; undefined where the system does not tell. */
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
  /** How long chunks ran. */
  runTime: TimeSummary
  /** How long chunks waited: for a worker, in it for the chunks in front of them, and on the way. */
  waitTime: TimeSummary
  /** Which part of the time of its workers was spent in tasks: 0 to 1. */
  utilisation: number
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

/** The books of one pool. */
export class Meter {
  readonly #runs = createHistogram()
  readonly #waits = createHistogram()
  #busyMs = 0
  /** Lives of workers that are over. */
  #livedMs = 0
  /** The births of those that live. */
  readonly #births = new Map<number, number>()
  completed = 0
  failed = 0

  workerStarted(id: number): void {
    this.#births.set(id, performance.now())
  }

  workerEnded(id: number): void {
    const birth = this.#births.get(id)
    if (birth !== undefined) this.#livedMs += performance.now() - birth
    this.#births.delete(id)
  }

  /** A chunk whose tasks are counted when they are settled. */
  counted(chunk: Chunk): Chunk {
    const { settle } = chunk
    return {
      ...chunk,
      since: performance.now(),
      settle: (item, outcome) => {
        if ('error' in outcome) this.failed++
        else this.completed++
        settle(item, outcome)
      },
    }
  }

  /** A chunk was answered that was handed in then and ran so long. Whatever else it spent its time with, it waited. */
  ran({ since }: Chunk, ms: number): void {
    record(this.#runs, ms)
    record(this.#waits, performance.now() - since - ms)
    this.#busyMs += ms
  }

  get times(): Pick<PoolStats, 'runTime' | 'waitTime' | 'utilisation'> {
    let lived = this.#livedMs
    for (const birth of this.#births.values()) lived += performance.now() - birth
    return {
      runTime: summarise(this.#runs),
      waitTime: summarise(this.#waits),
      utilisation: lived > 0 ? Math.min(1, this.#busyMs / lived) : 0,
    }
  }
}

/** The resident set of a process, in bytes. Undefined where there is no such process, or no /proc. */
export function residentBytes(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

/** Looks at the memory of a process from time to time only: it costs a read of /proc. */
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
