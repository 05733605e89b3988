// Runs in: owner. Transpiles files in one way, a few processes at a time, and measures the time.
import path from 'node:path'
import type { Memory, Transpiled } from './jobs.js'
import type { Way } from './ways.js'

/**
 * Reading its memory takes a process some milliseconds. So only every sixteenth process is asked, but at least about
 * four.
 */
const MEMORY_EVERY = 16
const MEMORY_SAMPLES = 4

/** A file that could not be transpiled. */
export interface Failure {
  file: string
  reason: string
}

/** The time and memory that one way needed for its files. */
export interface Measured {
  way: string
  processes: number
  wallMs: number
  /** Wall time divided by the number of processes, at the concurrency that they had. */
  msPerProcess: number
  processesPerSecond: number
  bytesIn: number
  bytesOut: number
  /** The median of the processes that were asked. */
  memory: (Memory & { samples: number }) | null
  failures: Failure[]
}

export interface MeasureOptions {
  folder: string
  /** The path relative to the folder. */
  files: readonly string[]
  concurrency: number
  signal: AbortSignal
  /** Called after each file. */
  progress: () => void
}

/** Some of the items, evenly spread. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items]
  return Array.from({ length: count }, (_, index) => items[Math.floor(((index + 0.5) * items.length) / count)]!)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

function summarise(memories: readonly Memory[]): Measured['memory'] {
  if (memories.length === 0) return null
  const pssBytes = median(memories.map((memory) => memory.pssBytes))
  const ownBytes = median(memories.map((memory) => memory.ownBytes))
  return { pssBytes, ownBytes, samples: memories.length }
}

/** @throws the signal's reason if it is aborted */
export async function measure(way: Way, options: MeasureOptions): Promise<Measured> {
  const { folder, files, concurrency, signal, progress } = options
  const every = Math.max(1, Math.min(MEMORY_EVERY, Math.floor(files.length / MEMORY_SAMPLES)))
  const done: Transpiled[] = []
  const failures: Failure[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < files.length && !signal.aborted) {
      const index = next++
      const file = files[index]!
      try {
        done.push(await way.run({ file: path.join(folder, file), wantsMemory: index % every === every - 1 }))
      } catch (error) {
        failures.push({ file, reason: (error as Error).message.split('\n')[0]! })
      }
      progress()
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, lane))
  const wallMs = performance.now() - start
  signal.throwIfAborted()
  return {
    way: way.name,
    processes: files.length,
    wallMs,
    msPerProcess: wallMs / files.length,
    processesPerSecond: (files.length / wallMs) * 1000,
    bytesIn: done.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
    bytesOut: done.reduce((sum, { bytesOut }) => sum + bytesOut, 0),
    memory: summarise(done.flatMap(({ memory }) => memory ?? [])),
    failures,
  }
}
