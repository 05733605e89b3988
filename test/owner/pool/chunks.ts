// Runs in: the test runner. Chunks for the unit tests of a pool.
import type { Call, Chunk, ChunkObserver, ChunkState, Receiver, TaskOutcome } from '#src/owner/pool/chunk.js'
import { chunksOf } from '#src/owner/pool/chunk-codec.js'

export const callOf = (more: Partial<Call> = {}): Call => ({
  reference: { module: 'file:///jobs.js', name: 'job' } as never,
  spread: false,
  timeout: undefined,
  priority: 0,
  retries: 0,
  onProgress: undefined,
  onOutput: undefined,
  isOver: false,
  ...more,
})

/** Keeps all that is told of chunks. */
export class Notes implements ChunkObserver, Receiver {
  readonly states: [from: ChunkState | undefined, to: ChunkState][] = []
  /** How many tasks are in each state. */
  readonly tasks: Record<ChunkState, number> = { queued: 0, sent: 0, begun: 0, settled: 0 }
  readonly settled: [item: number, outcome: TaskOutcome][] = []
  completed = 0
  failed = 0

  onState({ size }: Chunk, from: ChunkState | undefined, to: ChunkState): void {
    if (from) this.tasks[from] -= size
    this.tasks[to] += size
    this.states.push([from, to])
  }

  onOutcomes(completed: number, failed: number): void {
    this.completed += completed
    this.failed += failed
  }

  settle(item: number, outcome: TaskOutcome): void {
    this.settled.push([item, outcome])
  }
}

/** One chunk of so many zeros. */
export function chunkOf(count = 1, { call = callOf(), base = 0, notes = new Notes() } = {}): Chunk {
  return chunksOf(call, new Array(count).fill(0), { receiver: notes, observer: notes, base })[0]!
}
