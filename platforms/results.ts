// Runs in: a tool process, and in the system that is tried. What a platform run gives, and where it is kept.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** One command that runs on the platform. */
export interface Step {
  name: string
  /** What follows `node`. */
  args: readonly string[]
  limitSeconds: number
}

/** What became of a step. `figures` is what the command printed about itself. */
export interface StepResult {
  name: string
  outcome: 'passed' | 'failed' | 'too slow'
  seconds: number
  figures: Record<string, unknown>
}

/** All that the inner program needs to know, in a file next to it. */
export interface Plan {
  steps: readonly Step[]
  /** How many times slower than a usual machine. */
  slowness: number
}

/** What the inner program sees of the machine. */
export interface Surroundings {
  node: string
  kernel: string
  libc: string
  processors: number
}

/** A run on one platform with one Node. */
export interface PlatformResult extends Surroundings {
  platform: string
  date: string
  /** The commit of the sources, and what kind of machine it was. */
  commit: string
  machine: string
  steps: StepResult[]
}

/** Each line of the inner program that begins so is followed by JSON. Everything else is for the log. */
export const MARK = '@@forkserver '

/** The marked lines of a log, parsed. */
export function markedLines(log: string): unknown[] {
  return log
    .split(/\r?\n/)
    .filter((line) => line.includes(MARK))
    .map((line) => JSON.parse(line.slice(line.indexOf(MARK) + MARK.length)) as unknown)
}

/** The results in a folder, sorted by platform and Node. */
export function readResults(folder: string): PlatformResult[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as PlatformResult)
}

/** Writes a result into the file of its platform and Node, and returns the path of the file. */
export function writeResult(folder: string, result: PlatformResult): string {
  const major = /^v(\d+)/.exec(result.node)?.[1]
  const file = path.join(folder, `${result.platform}-node${major}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  return file
}
