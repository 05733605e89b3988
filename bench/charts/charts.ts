// Runs in: a tool process. The charts of docs/BENCHMARKS.md, one function for each: which figures of which results it
// shows. Pure.
import type { TableResults } from '../process-table.js'
import type { Report } from '../report.js'
import type { Latency } from '../statistics.js'
import { type Bar, bandOf, bars, boxes, curves, type Timed } from './kinds.js'
import { barsOf, type Chart, named, nodeOf, type Racer, WHOSE, withoutSize } from './rows.js'
import { jobsOfBullmq, runsOfJest, runsOfNode, runsOfVitest } from './tools.js'

const MIB = 2 ** 20

function processCreation(reports: readonly Report[]): Chart[] {
  const own = named(reports, 'process-creation')
  const rows = own.flatMap((report) => barsOf((report.results as { racers: Racer[] }).racers, nodeOf(report)))
  const live = own.flatMap((report) =>
    (report.results as { latencyByLive: ({ live: number } & Latency)[] }).latencyByLive.map((row) => ({
      curve: nodeOf(report),
      x: row.live,
      y: row.medianMs,
    })),
  )
  return [
    {
      name: 'process-creation',
      title: 'Processes per second',
      alt: 'Bars: processes per second by forkserver, Node, CPython and a C program, for each Node.',
      text:
        'Start to join, two at a time. A bar is the median of the rounds, its line goes from the lowest to the ' +
        'highest. A worker thread is no process. The C programs only fork, exit and wait: the limit of the kernel.',
      spec: bars(rows, 'per second'),
    },
    {
      name: 'live-children',
      title: 'The time to the first line, with many live children',
      alt: 'Curves: milliseconds to the first line of the function, with 1 to 1000 live children, for each Node.',
      text:
        'From `new Process()` to the first line of its function, one at a time, while other children are idle. ' +
        'Medians.',
      spec: curves(live, 'live children', 'ms'),
    },
  ]
}

function processTable(reports: readonly Report[]): Chart[] {
  const [report] = named(reports, 'process-table')
  const { rows } = report!.results as TableResults
  const points = rows.map(({ name, total, perSecond }) => ({ curve: name, x: total, ...bandOf(perSecond) }))
  return [
    {
      name: 'process-table',
      title: 'Processes per second, by their total',
      alt: 'Curves: processes per second for totals of 32 to 2048, with one connection, one for each, and CPython.',
      text: 'The figures of the table below. A curve is the mean of the iterations, its band the standard deviation.',
      spec: curves(points, 'processes in total', 'per second'),
    },
  ]
}

function latency(reports: readonly Report[]): Chart[] {
  type Row = { name: string; role: string; firstLine: Latency }
  const own = named(reports, 'latency')
  const rows = own.flatMap((report) =>
    (report.results as { rows: Row[] }).rows.map(
      ({ name, role, firstLine }): Timed => ({
        ...firstLine,
        name: withoutSize(name),
        panel: nodeOf(report),
        whose: WHOSE[role]!,
      }),
    ),
  )
  return [
    {
      name: 'latency',
      title: 'The time to the first line',
      alt: 'Ranges: milliseconds to the first line by forkserver, Node, CPython and a C program, for each Node.',
      text:
        'One at a time. A tick is the median, a box goes from the first to the third quartile, a line to the 99th ' +
        'percentile. A worker thread is no process. The C program only forks, exits and waits.',
      spec: boxes(rows, 'ms'),
    },
  ]
}

function handshakes(reports: readonly Report[]): Chart[] {
  const rows = named(reports, 'authentication').flatMap((report): Timed[] => {
    const { handshakes } = report.results as { handshakes: ({ what: string } & Latency)[] }
    return handshakes.map(({ what, ...taken }) => ({
      ...taken,
      name: what,
      panel: nodeOf(report),
      whose: what.startsWith('CPython') ? 'CPython' : 'forkserver',
    }))
  })
  return [
    {
      name: 'handshake',
      title: 'One handshake',
      alt: 'Ranges: the time of one handshake, computed only, with the template, and by CPython, for each Node.',
      text:
        'A tick is the median; a line goes on to the 99th percentile. If the results hold quartiles, they are a box. ' +
        'An owner does this once, however many processes it starts.',
      spec: boxes(rows, 'ms'),
    },
  ]
}

function memory(reports: readonly Report[]): Chart[] {
  type PerChild = { way: string; children: number; pssBytes: number }
  const rows = named(reports, 'memory').flatMap((report) =>
    (report.results as { perChild: PerChild[] }).perChild.map(
      ({ way, children, pssBytes }): Bar => ({
        name: `${way}, ${children === 1 ? '1 child' : `each of ${children}`}`,
        panel: nodeOf(report),
        whose: way === 'forkserver' ? 'forkserver' : 'Node',
        value: pssBytes / MIB,
      }),
    ),
  )
  return [
    {
      name: 'memory',
      title: 'Memory of an idle child',
      alt: 'Bars: MiB of an idle child, alone and as one of many, for each Node.',
      text:
        "Proportional set size: a page that n processes share counts as 1/n of a page, so a child's part of the " +
        'template shrinks as children are added.',
      spec: bars(rows, 'MiB'),
    },
  ]
}

function pools(reports: readonly Report[]): Chart[] {
  type Question = { title: string; racers: Racer[] }
  const own = named(reports, 'pool')
  const { questions } = own[0]!.results as { questions: Question[] }
  return questions.map(({ title }, index) => {
    const rows = own.flatMap((report) =>
      barsOf((report.results as { questions: Question[] }).questions[index]!.racers, nodeOf(report)),
    )
    return {
      name: `pool-${index + 1}`,
      title: `Pools: ${title.toLowerCase().replace('mib', 'MiB')}`,
      alt: `Bars: tasks per second of forkserver's Pool and of its competitors, ${title}, for each Node.`,
      text: 'Two workers each. Medians, with the lowest and the highest round.',
      spec: bars(rows, 'tasks per second'),
    }
  })
}

function connections(reports: readonly Report[]): Chart[] {
  type Question = { way: string; bytes: number; racers: Racer[] }
  const [report] = named(reports, 'connection')
  const { questions } = report!.results as { questions: Question[] }
  const ways = { roundTrips: 'round trips', oneWay: 'messages one way' }
  return Object.entries(ways).map(([key, way]) => ({
    name: `connection-${key === 'oneWay' ? 'one-way' : 'round-trips'}`,
    title: `Connections: ${way}`,
    alt: `Bars: ${way} per second of forkserver/connection and of its competitors, for three sizes.`,
    text:
      `${nodeOf(report!)}. Each panel has its own scale. Compare bytes with bytes, values with values, ` +
      'and JSON with JSON.',
    spec: bars(
      questions
        .filter((question) => question.way === key)
        .flatMap(({ bytes, racers }) => barsOf(racers, bytes < MIB ? `${bytes} bytes` : '1 MiB')),
      'per second',
      { columns: 3, sharesX: false },
    ),
  }))
}

function workloads(reports: readonly Report[]): Chart[] {
  type Row = { workload: string; ratio: number }
  const rows = named(reports, 'workloads').flatMap((report) =>
    (report.results as { workloads: Row[] }).workloads.map(
      ({ workload, ratio }): Bar => ({ name: workload, panel: nodeOf(report), whose: 'forkserver', value: ratio }),
    ),
  )
  return [
    {
      name: 'workloads',
      title: 'Work in a child',
      alt: 'Bars: the time of work in a forked child, divided by its time in a plain Node, for each Node.',
      text: 'The time in a forked child, divided by the time in a plain Node: at 1, both are as fast.',
      spec: bars(rows, 'times plain Node'),
    },
  ]
}

/** What `npm run bench -- scaling` saves. */
interface Scaling {
  /** The median start of a process from a template that holds this much. */
  byTemplate: { templateMb: number; ms: number }[]
}

function scaling(reports: readonly Report[]): Chart[] {
  const points = named(reports, 'scaling').flatMap((report) =>
    (report.results as Scaling).byTemplate.map(({ templateMb, ms }) => ({
      curve: nodeOf(report),
      x: templateMb,
      y: ms,
    })),
  )
  return [
    {
      name: 'scaling',
      title: 'The time of a start, by the size of the template',
      alt: 'Curves: milliseconds for a process, from small and large templates, for each Node.',
      text: 'Medians. The memory of a large template is in a file, of which a fork copies no page tables.',
      spec: curves(points, 'MB in the template', 'ms'),
    },
  ]
}

const MAKERS: readonly (readonly [benchmark: string, make: (reports: readonly Report[]) => Chart[]])[] = [
  ['process-creation', processCreation],
  ['process-table', processTable],
  ['latency', latency],
  ['scaling', scaling],
  ['authentication', handshakes],
  ['memory', memory],
  ['pool', pools],
  ['connection', connections],
  ['workloads', workloads],
  ['vitest', runsOfVitest],
  ['jest', runsOfJest],
  ['drop-in', runsOfNode],
  ['bullmq', jobsOfBullmq],
]

/** The charts that these results can fill. */
export function chartsOf(reports: readonly Report[]): Chart[] {
  return MAKERS.flatMap(([benchmark, make]) => (named(reports, benchmark).length > 0 ? make(reports) : []))
}
