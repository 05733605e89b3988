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
  /** How many tasks it was given in all. */
  readonly taken: number
}

/** The limits of a pool. */
export interface Limits {
  /** How many workers may work at a time. */
  readonly processes: number
  /** How many more workers are kept ready. */
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

/** The worker that an idle worker takes a chunk from: the one that has most chunks. */
export function mostLoaded<W extends Candidate>(workers: Iterable<W>): W | undefined {
  let most: W | undefined
  for (const worker of workers) if (worker.load > 1 && (!most || worker.load > most.load)) most = worker
  return most
}

/**
 * How many workers to start.
 *
 * @param queued chunks that wait
 * @param isEnding whether the pool takes no more calls: then no worker is started in advance
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
  // A worker that leaves makes room at once, because a process takes as long to leave as to start. There is a limit.
  const room = processes + spares - workers.size + Math.min(leaving, processes + spares)
  const wanted = queued > 0 && spares > 0 ? room : queued - starting
  const least = isEnding ? 0 : minProcesses - workers.size
  return Math.max(0, Math.min(room, wanted), least)
}

/** Whether one more worker for one task may start: it has its task from its start. */
export function mayStartForTask(workers: ReadonlySet<Candidate>, { processes }: Pick<Limits, 'processes'>): boolean {
  let busy = 0
  for (const worker of workers) if (worker.load > 0) busy++
  // A worker that has answered makes room at once, because a process takes as long to leave as to start. There is a
  // limit.
  return busy < processes && workers.size < 2 * processes
}

/**
 * A worker is given chunks for this long at a time, in milliseconds, and at least two chunks:
 * enough to hide the time that a message takes.
 */
const AHEAD_MS = 1
const MIN_DEPTH = 2
const MAX_DEPTH = 64
/**
 * Chunks that take less than this, in milliseconds, are sent together: it takes longer to wake a
 * worker than to run one.
 */
const QUICK_MS = 0.05

/** How fast one worker is. */
export class Pace {
  /** How long a chunk takes on average, in milliseconds. The last chunks count most. */
  #chunkMs = AHEAD_MS

  /** A chunk took this long. */
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
