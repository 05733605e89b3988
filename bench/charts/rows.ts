// Runs in: a tool process. What the charts have in common: what a chart is, and bars from the figures of a race. Pure.
import type { TopLevelSpec } from 'vega-lite'
import type { Report } from '../report.js'
import type { Spread } from '../statistics.js'
import type { Bar } from './kinds.js'
import type { Whose } from './look.js'

export interface Chart {
  /** The name of the picture, without `.svg`. */
  name: string
  title: string
  /** What the picture shows, for those who cannot see it. */
  alt: string
  /** What a reader has to know in order to read it. */
  text: string
  spec: TopLevelSpec
}

export interface Racer {
  name: string
  role: string
  kind?: string
  perSecond: Spread
}

export const WHOSE: Record<string, Whose> = {
  ours: 'forkserver',
  spare: 'forkserver',
  child_process: 'Node',
  worker: 'Node',
  ipc: 'Node',
  net: 'Node',
  thread: 'Node',
  processes: 'other pools',
  threads: 'other pools',
  bullmq: 'Node',
  reused: 'Node',
  cpython: 'CPython',
  floor: 'C',
  'floor, anonymous': 'C',
}

export const nodeOf = ({ machine }: Report): string => `Node ${Number.parseInt(machine.node.slice(1), 10)}`
export const named = (reports: readonly Report[], benchmark: string): Report[] =>
  reports
    .filter((report) => report.benchmark === benchmark)
    .sort((one, other) => nodeOf(one).localeCompare(nodeOf(other)))

/** The C program is as large as the template, which has another size on each Node. It still is one candidate. */
export const withoutSize = (name: string): string => name.replace(/ \(\d+ MiB\)/, '')

export function barsOf(racers: readonly Racer[], panel: string): Bar[] {
  return racers.map(({ name, role, perSecond }) => ({
    name: withoutSize(name),
    panel,
    whose: WHOSE[role]!,
    value: perSecond.median,
    spread: perSecond,
  }))
}
