// Runs in: owner. The results of a benchmark, for people (tables) and for machines (JSON). Pure.
import Table from 'cli-table3'
import type { Machine } from './machine.js'
import type { Settings } from './settings.js'
import type { Latency, Spread } from './statistics.js'

/** A figure that the project promises to reach. */
export interface Bar {
  name: string
  /** In words, such as 'at least 10 x'. */
  wanted: string
  measured: number
  unit: string
  met: boolean
  /** A better figure that the project hopes for, if there is one. */
  aim?: { wanted: string; met: boolean }
}

export interface Skipped {
  what: string
  why: string
}

export interface TableData {
  title: string
  head: string[]
  rows: string[][]
}

/** What a benchmark returns. */
export interface Finding {
  /** The figures, for machines. */
  results: object
  tables: TableData[]
  bars: Bar[]
  skipped: Skipped[]
  /** Notes that a reader needs to understand the tables. */
  notes: string[]
}

/** The title of one benchmark, and its results. */
export interface Benchmark {
  readonly name: string
  readonly question: string
  run(settings: Settings, progress: (text: string) => void): Promise<Finding>
}

/** What --json prints and --save writes. */
export interface Report {
  benchmark: string
  question: string
  machine: Machine
  settings: Settings
  results: object
  bars: Bar[]
  skipped: Skipped[]
  notes: string[]
}

/** Rounds to two or three significant digits. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 100 || value === 0) return value.toFixed(0)
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 4)
}

export function withSpread({ median, lowest, highest }: Spread): string {
  return `${short(median)} (${short(lowest)} - ${short(highest)})`
}

export function latencyCells({ samples, medianMs, p99Ms, highestMs }: Latency): string[] {
  return [String(samples), ...[medianMs, p99Ms, highestMs].map(short)]
}

/** The column heads of latencyCells(). */
export const LATENCY_HEAD = ['n', 'median ms', 'p99 ms', 'highest ms']

interface Limits {
  unit: string
  limit: number
  aim?: number
}

function barOf(name: string, measured: number, { unit, limit, aim }: Limits, isMost: boolean): Bar {
  const reaches = (goal: number): boolean => (isMost ? measured <= goal : measured >= goal)
  const wanted = `at ${isMost ? 'most' : 'least'} ${limit} ${unit}`
  const bar: Bar = { name, wanted, measured, unit, met: reaches(limit) }
  return aim === undefined ? bar : { ...bar, aim: { wanted: `${aim} ${unit}`, met: reaches(aim) } }
}

export function atLeast(name: string, measured: number, limits: Limits): Bar {
  return barOf(name, measured, limits, false)
}

export function atMost(name: string, measured: number, limits: Limits): Bar {
  return barOf(name, measured, limits, true)
}

function draw({ title, head, rows }: TableData): string {
  const colAligns = head.map((_, column) => (column === 0 ? ('left' as const) : ('right' as const)))
  const table = new Table({ head, colAligns, style: { head: [], border: [] } })
  table.push(...rows)
  return `${title}\n${table}`
}

function drawBars(bars: readonly Bar[]): string {
  const rows = bars.map(({ name, wanted, measured, unit, met, aim }) => {
    const hope = aim ? `${aim.wanted}: ${aim.met ? 'met' : 'missed'}` : ''
    return [name, wanted, `${short(measured)} ${unit}`, met ? 'met' : 'MISSED', hope]
  })
  return draw({ title: 'Bars', head: ['', 'wanted', 'measured', '', 'aim'], rows })
}

export function format({ results: _, ...rest }: Report, tables: readonly TableData[]): string {
  const { benchmark, question, machine, settings, bars, skipped, notes } = rest
  const { date, node, cpu, cores, kernel, libc, hugePages, loadAverage, commit } = machine
  const header = [
    `${benchmark}: ${question}`,
    `${date}, commit ${commit}, Node ${node}, ${libc}, ${kernel}`,
    `${cpu}, ${cores} cores, huge pages: ${hugePages}, load average before: ${loadAverage}`,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  ]
  const lines = skipped.map(({ what, why }) => `Skipped: ${what}: ${why}`)
  const parts = [header.join('\n'), ...tables.map(draw), ...(bars.length > 0 ? [drawBars(bars)] : [])]
  return [...parts, [...notes, ...lines].join('\n')].join('\n\n')
}
