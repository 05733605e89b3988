// Runs in: owner. `npm run bench -- latency`: how long one process takes to its first line, to its result and to its
// end, on an idle machine. How many processes a second there are is another question (process-creation).
import {
  nodeStarters,
  ownStarters,
  programStarter,
  pythonStarter,
  type Role,
  type Start,
  type Starter,
} from './latency-peers.js'
import { compileFloor, startFloor, startPythons, temporaryFolder } from './peers.js'
import { atMost, type Bar, type Benchmark, type Finding, type Skipped, short, type TableData } from './report.js'
import { Scope, within } from './scope.js'
import type { Settings } from './settings.js'
import { type Latency, latencyOf } from './statistics.js'

const MIB = 2 ** 20
/** All starters take turns this many times. */
const TURNS = 10
const START_LIMIT_MS = 30_000
/** Not measured: the first starts compile the owner's code, and start CPython's fork server. */
const WARM_UP = 5

interface Row {
  role: Role
  name: string
  firstLine: Latency
  result: Latency
  end: Latency
}

async function lineUp(scope: Scope, skipped: Skipped[]): Promise<Starter[]> {
  const folder = await temporaryFolder(scope)
  const own = await ownStarters(scope)
  const pythons = await startPythons(scope, folder, skipped)
  const starters = [...own.starters, ...nodeStarters, ...pythons.map(pythonStarter)]
  const program = await compileFloor(folder, skipped)
  if (!program) return starters
  const name = `C: fork + exit + wait, as much memory as the template (${Math.round(own.templateBytes / MIB)} MiB)`
  return [...starters, programStarter('floor', name, await startFloor(scope, program, own.templateBytes))]
}

async function sample(
  starters: readonly Starter[],
  samples: number,
  progress: (text: string) => void,
): Promise<Start[][]> {
  const one = ({ name, start }: Starter): Promise<Start> => within(START_LIMIT_MS, name, start())
  for (const starter of starters) for (let i = 0; i < WARM_UP; i++) await one(starter)
  const taken = starters.map((): Start[] => [])
  const turns = Math.min(TURNS, samples)
  for (let turn = 1; turn <= turns; turn++)
    for (const [index, starter] of starters.entries()) {
      progress(`turn ${turn} of ${turns}: ${starter.name}`)
      for (let i = 0; i < Math.ceil(samples / turns); i++) taken[index]!.push(await one(starter))
    }
  return taken
}

function judge(rows: readonly Row[]): Bar[] {
  const bars: Bar[] = []
  const bar = (role: Role, how: string, limits: { limit: number; aim: number }): void => {
    const row = rows.find((one) => one.role === role)
    const name = `start to first user code, ${how}, median`
    if (row) bars.push(atMost(name, row.firstLine.medianMs, { unit: 'ms', ...limits }))
  }
  bar('ours', 'no spare', { limit: 2, aim: 1.5 })
  bar('spare', 'from a spare', { limit: 0.4, aim: 0.25 })
  return bars
}

function tabulate(rows: readonly Row[]): TableData[] {
  const titles = { firstLine: 'first line', result: 'result', end: 'end' } as const
  return Object.entries(titles).map(([moment, title]) => ({
    title: `Start to ${title}, one at a time, in milliseconds`,
    head: ['', 'n', 'first quartile', 'median', 'third quartile', 'p99', 'highest'],
    rows: rows.map((row) => {
      const { samples, firstQuartileMs, medianMs, thirdQuartileMs, p99Ms, highestMs } =
        row[moment as keyof typeof titles]
      const times = [firstQuartileMs!, medianMs, thirdQuartileMs!, p99Ms, highestMs]
      return [row.name, String(samples), ...times.map(short)]
    }),
  }))
}

async function run({ samples }: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  const skipped: Skipped[] = []
  const starters = await lineUp(scope, skipped)
  const taken = await sample(starters, samples, progress)
  const rows = starters.map(({ role, name }, index): Row => {
    const of = (pick: (start: Start) => number): Latency => latencyOf(taken[index]!.map(pick))
    const [firstLine, result, end] = [of((one) => one.firstLineMs), of((one) => one.resultMs), of((one) => one.endMs)]
    return { role, name, firstLine, result, end }
  })
  return {
    results: { rows },
    tables: tabulate(rows),
    bars: judge(rows),
    skipped,
    notes: [
      'The starters take turns. A used spare is forked again while the next one works.',
      'The result is what the first line sends to its owner. The end is when its owner knows that it has ended.',
      'CPython and the C program start processes by themselves, with their own clock. A thread is no process.',
    ],
  }
}

export const latency: Benchmark = {
  name: 'latency',
  question: 'How long does one process take to its first line, its result and its end?',
  run,
}
