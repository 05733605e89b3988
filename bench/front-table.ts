// Runs in: a tool process. Prints the table of the front page from the results in bench/results, so that nobody types a
// number by hand: node build/bench/front-table.js bench/results/*.json
import { fileURLToPath } from 'node:url'
import { type Report, short } from './report.js'
import { readReports } from './table.js'

const MIB = 2 ** 20

interface Rate {
  name: string
  perSecond: { median: number }
}

interface Creation {
  racers: Rate[]
  latency: { medianMs: number }
}

interface Memory {
  template: { rssBytes: number }
  perChild: { way: string; pssBytes: number }[]
}

interface Pools {
  questions: { title: string; racers: Rate[] }[]
}

/** One row: which benchmark has the figure, and how it is read from the results. */
interface Row {
  what: string
  way: string
  benchmark: string
  figure(results: object): number | undefined
}

const created = (way: string, name: string): Row => ({
  what: 'new processes or threads per second',
  way,
  benchmark: 'process-creation',
  figure: (results) => (results as Creation).racers.find((racer) => racer.name.startsWith(name))?.perSecond.median,
})

const tasks = (way: string, name: string): Row => ({
  what: 'tasks per second, workers reused',
  way,
  benchmark: 'pool',
  figure: (results) =>
    (results as Pools).questions
      .find(({ title }) => title === 'Tasks one by one')
      ?.racers.find((racer) => racer.name === name)?.perSecond.median,
})

/** The last entry of a way has the most children. */
const ofChild = (results: object, way: string): Memory['perChild'][number] | undefined =>
  (results as Memory).perChild.filter((child) => child.way === way).at(-1)

const memory = (way: string, bytes: (results: object) => number | undefined): Row => ({
  what: 'MiB of memory of an idle process',
  way,
  benchmark: 'memory',
  figure: (results) => {
    const value = bytes(results)
    return value === undefined ? undefined : value / MIB
  },
})

const ROWS: readonly Row[] = [
  created('**forkserver**: `Process`', 'forkserver'),
  created('`child_process.fork()`', 'child_process.fork'),
  created('`new Worker()` of worker_threads', 'worker_threads'),
  created('CPython 3.15: forkserver, authenticated', 'CPython 3.15'),
  created('CPython 3.13: forkserver, not authenticated', 'CPython 3.13'),
  {
    what: 'ms from the call to the first line of your code',
    way: '**forkserver**: `Process`, median of 1,000',
    benchmark: 'process-creation',
    figure: (results) => (results as Creation).latency.medianMs,
  },
  memory('**forkserver**: each of 100, PSS', (results) => ofChild(results, 'forkserver')?.pssBytes),
  memory('**forkserver**: the template, once, RSS', (results) => (results as Memory).template.rssBytes),
  memory('`child_process.fork()`: each of 10, PSS', (results) => ofChild(results, 'child_process.fork')?.pssBytes),
  tasks('**forkserver**: `Pool.imap()`', 'forkserver Pool.imap'),
  tasks('piscina (threads)', 'piscina (threads)'),
  tasks('jest-worker (processes)', 'jest-worker (processes)'),
  tasks('CPython 3.13: `Pool.imap()`', 'CPython 3.13.0 Pool.imap'),
]

const BENCHMARKS = new Set(ROWS.map(({ benchmark }) => benchmark))

const majorOf = ({ machine }: Report): number => Number.parseInt(machine.node.slice(1), 10)

/** A figure as people read it: 17,646 and not 17646. */
const shown = (value: number): string => (value >= 1000 ? Math.round(value).toLocaleString('en') : short(value))

function sentenceOf(reports: readonly Report[]): string {
  const of = (pick: (machine: Report['machine']) => string): string =>
    [...new Set(reports.map(({ machine }) => pick(machine)))].sort().join(' and ')
  const dates = of(({ date }) => date.slice(0, 10))
  return `Measured on ${dates} on a virtual machine: ${of(({ cpu, cores }) => `${cpu}, ${cores} cores`)}, x64 Linux.`
}

/** The table of the front page, with a column for each Node major, and when and where it was measured. */
export function frontTableOf(all: readonly Report[]): string {
  const reports = all.filter(({ benchmark }) => BENCHMARKS.has(benchmark))
  const majors = [...new Set(reports.map(majorOf))].sort((a, b) => a - b)
  const rows = ROWS.map(({ what, way, benchmark, figure }) => {
    const values = majors.map((major) => {
      const report = reports.find((one) => one.benchmark === benchmark && majorOf(one) === major)
      return report && figure(report.results)
    })
    return { what, way, values }
  }).filter(({ values }) => values.some((value) => value !== undefined))
  const lines = rows.map(({ what, way, values }, at) => {
    const cells = values.map((value) => (value === undefined ? 'not measured' : shown(value)))
    return `| ${[rows[at - 1]?.what === what ? '' : what, way, ...cells].join(' | ')} |`
  })
  const head = `| | | ${majors.map((major) => `Node ${major}`).join(' | ')} |`
  return [head, `|---|---|${majors.map(() => '---:|').join('')}`, ...lines, '', sentenceOf(reports)].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(frontTableOf(readReports(process.argv.slice(2))))
