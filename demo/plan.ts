// Runs in: owner. What the demo says before it begins: what it will do, and about how long that takes. Pure.
import os from 'node:os'
import type { DemoOptions } from './options.js'
import { plural } from './report.js'

/** Processor time for one file, measured on a virtual machine with two cores of a server. In milliseconds. */
const FORKED_MS = 36
const STARTED_MS = 380
/** The start of Node and of the template, in milliseconds. */
const START_MS = 1_500
/** The estimate is rounded up to this many seconds, because machines differ. */
const ROUND_TO_S = 5

type Plan = Pick<DemoOptions, 'folder' | 'concurrency' | 'sample' | 'maxFiles' | 'startMethod'>

/** About how many seconds it takes, on a machine that does nothing else. */
function secondsFor(files: number, { concurrency, sample, startMethod }: Plan, cores: number): number {
  const compared = Math.min(sample, files)
  const each = startMethod === 'spawn' ? STARTED_MS : FORKED_MS
  const again = compared < files ? compared * each : 0
  const processorMs = files * each + again + 2 * compared * STARTED_MS
  const ms = START_MS + processorMs / Math.min(concurrency, cores)
  return Math.ceil(ms / 1000 / ROUND_TO_S) * ROUND_TO_S
}

/** A time that people can read at a glance. */
function roughly(seconds: number): string {
  return seconds < 120 ? `about ${seconds} s` : `about ${Math.round(seconds / 60)} min`
}

/** One or two sentences. */
export function formatPlan(plan: Plan, found: number, cores = os.availableParallelism()): string {
  const { folder, sample, maxFiles } = plan
  const files = Math.min(found, maxFiles)
  const what = files < found ? `${files} of ${plural(found, 'TypeScript file')}` : plural(found, 'TypeScript file')
  const compared = Math.min(sample, files)
  const then = compared > 0 ? `, then ${compared} by child_process.fork and by plain node` : ''
  const time = roughly(secondsFor(files, plan, cores))
  const sentence = `Transpiling ${what} of ${folder}, each in its own process${then}: ${time}.`
  if (files === found) return sentence
  return `${sentence}\nWith --all, all files: ${roughly(secondsFor(found, plan, cores))}.`
}
