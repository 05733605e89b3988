// Runs in: a tool process. The charts of tools that run on forked processes: test runners, and BullMQ. Pure.
import type { Report } from '../report.js'
import { median } from '../statistics.js'
import { type Bar, bars } from './kinds.js'
import { barsOf, type Chart, named, nodeOf, type Racer } from './rows.js'

/** Whole runs of a test runner, one way to run the files. */
interface Runs {
  kind?: string
  way: string
  ms: readonly number[]
}

/** The ways that run the files in processes of forkserver. */
const FORKED: Record<string, string> = {
  cold: 'forkserver, first run',
  learnt: 'forkserver, after that',
  warmed: 'forkserver, with a warm-up',
}

/** @param own what the ways of the tool itself are called */
function runsOf(reports: readonly Report[], own: Record<string, string>): Bar[] {
  return reports.flatMap((report) =>
    (report.results as { rows: Runs[] }).rows.map(({ kind = 'typescript', way, ms }): Bar => {
      const seconds = ms.map((one) => one / 1_000)
      return {
        name: FORKED[way] ?? own[way]!,
        panel: `${nodeOf(report)}, ${kind}`,
        whose: way in FORKED ? 'forkserver' : 'Node',
        value: median(seconds),
        spread: { median: median(seconds), lowest: Math.min(...seconds), highest: Math.max(...seconds) },
      }
    }),
  )
}

const LESS = 'A run from its start to its end: less is better.'

export function runsOfVitest(reports: readonly Report[]): Chart[] {
  const rows = runsOf(named(reports, 'vitest'), { forks: 'vitest, pool forks' })
  return [
    {
      name: 'vitest',
      title: 'A run of vitest',
      alt: 'Bars: seconds of a run of vitest, with its own processes and with forked ones.',
      text: `${LESS} Two at a time, each test file in a process of its own.`,
      spec: bars(rows, 'seconds'),
    },
  ]
}

export function runsOfJest(reports: readonly Report[]): Chart[] {
  const own = { fresh: 'jest, a process for each file', reused: 'jest, two processes reused' }
  return [
    {
      name: 'jest',
      title: 'A run of jest',
      alt: 'Bars: seconds of a run of jest, with its own processes and with forked ones.',
      text: `${LESS} Two at a time. With processes reused, a file finds what the files before it have left.`,
      spec: bars(runsOf(named(reports, 'jest'), own), 'seconds'),
    },
  ]
}

export function runsOfNode(reports: readonly Report[]): Chart[] {
  const rows = runsOf(named(reports, 'drop-in'), { node: 'node --test' })
  return [
    {
      name: 'node-test',
      title: 'A run of node --test',
      alt: 'Bars: seconds of a run of node --test, with and without forkserver/register.',
      text: `${LESS} Each test file in a process of its own.`,
      spec: bars(rows, 'seconds'),
    },
  ]
}

export function jobsOfBullmq(reports: readonly Report[]): Chart[] {
  const rows = named(reports, 'bullmq').flatMap((report) =>
    barsOf((report.results as { racers: Racer[] }).racers, nodeOf(report)),
  )
  return [
    {
      name: 'bullmq',
      title: 'Jobs of BullMQ',
      alt: "Bars: light jobs per second by forkserver/bullmq and by BullMQ's own sandbox, for each Node.",
      text: 'Two at a time. With processes reused, a job finds what the jobs before it have left.',
      spec: bars(rows, 'jobs per second'),
    },
  ]
}
