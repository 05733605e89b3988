// Runs in: owner. Which worker of a Pool gets the next chunk, and how many more workers are wanted. Pure.

/** What scheduling has to know of a worker. */
export interface Candidate {
  /** Chunks that it has and has not answered. */
  readonly load: number
  /** Whether it can be sent something. */
  readonly isOpen: boolean
  /** It takes no more chunks. */
  readonly isEnding: boolean
  /** Whether it may be sent something that it will not begin at once. */
  readonly takesAhead: boolean
  /** Tasks that it was given in all. */
  readonly taken: number
}

/** The limits of a pool. */
export interface Limits {
  /** Workers that may work at a time. */
  readonly processes: number
  /** Ready workers beyond those. */
  readonly spares: number
  readonly minProcesses: number
  readonly maxTasksPerChild: number
}

/** A worker with nothing to do, if one more may work. */
export function nextFree<W extends Candidate>(workers: Iterable<W>, limits: Limits): W | undefined {
  let busy = 0
  let free: W | undefined
  for (const worker of workers) {
    if (worker.load > 0) busy++
    else if (worker.isOpen && worker.taken < limits.maxTasksPerChild) free ??= worker
  }
  return busy < limits.processes ? free : undefined
}

/** The least loaded worker that may be sent a chunk ahead. */
export function nextAhead<W extends Candidate>(workers: Iterable<W>, limits: Limits): W | undefined {
  let best: W | undefined
  for (const worker of workers) {
    if (!worker.takesAhead || worker.taken >= limits.maxTasksPerChild) continue
    if (!best || worker.load < best.load) best = worker
  }
  return best
}

/** From whom an idle worker takes a chunk: the worker that has most of them. */
export function mostLoaded<W extends Candidate>(workers: Iterable<W>): W | undefined {
  let most: W | undefined
  for (const worker of workers) if (worker.load > 1 && (!most || worker.load > most.load)) most = worker
  return most
}

/**
 * How many workers to start.
 *
 * @param queued chunks that wait
 * @param isEnding whether the pool takes no more calls: then none is started in advance
 */
export function workersToStart(
  workers: ReadonlySet<Candidate>,
  limits: Limits,
  { queued, isEnding }: { queued: number; isEnding: boolean },
): number {
  const { processes, spares, minProcesses } = limits
  let starting = 0
  let leaving = 0
  for (const worker of workers) {
    if (worker.isEnding) leaving++
    else if (!worker.isOpen) starting++
  }
  // A worker that leaves makes room at once: to leave takes a process as long as to start. But only so many of them do.
  const room = processes + spares - workers.size + Math.min(leaving, processes + spares)
  const wanted = queued > 0 && spares > 0 ? room : queued - starting
  const least = isEnding ? 0 : minProcesses - workers.size
  return Math.max(0, Math.min(room, wanted), least)
}

/**
 * A worker has chunks for so long at a time, in milliseconds, but two at least: enough to hide the time of a message.
 */
const AHEAD_MS = 1
const MIN_DEPTH = 2
const MAX_DEPTH = 64
/**
 * Chunks that take less than this, in milliseconds, are sent together: to wake a worker takes longer than to run one.
 */
const QUICK_MS = 0.05

/** How fast one worker is. */
export class Pace {
  /** How long a chunk of it takes; the last ones count most. */
  #chunkMs = AHEAD_MS

  /** A chunk took so long, in milliseconds. */
  note(milliseconds: number): void {
    this.#chunkMs = (3 * this.#chunkMs + milliseconds) / 4
  }

  /** Whether its chunks are so small that they may wait for each other. */
  get isQuick(): boolean {
    return this.#chunkMs < QUICK_MS
  }

  /** How many chunks it may have. */
  get depth(): number {
    return Math.min(MAX_DEPTH, Math.max(MIN_DEPTH, AHEAD_MS / this.#chunkMs))
  }
}
