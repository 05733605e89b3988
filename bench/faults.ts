// Runs in: owner. `npm run bench -- faults`: which pages a child that does nothing touches for the first time, from its
// birth to its end. Each is a page fault: the kernel copies a page that a child writes to, and maps pages of a file.
import { readFileSync, realpathSync } from 'node:fs'
import { Process } from 'forkserver'
import { startServer } from './children.js'
import { type Fault, kindOf, memoryNames, parseFaults, parseMaps } from './fault-names.js'
import { jobs } from './peers.js'
import { recordFaults, symbolsOf, whyNoFaults } from './perf.js'
import type { Benchmark, Finding, TableData } from './report.js'
import { Scope } from './scope.js'
import type { Settings } from './settings.js'
import { median } from './statistics.js'
import { spaceTables, V8Spaces } from './v8-spaces.js'

/** The template and its first children differ a little from later ones. */
const UNMEASURED = 50
const MOST_CHILDREN = 40
const FUNCTIONS_SHOWN = 20
/** Functions with fewer faults in a child are left out. */
const LEAST = 1

interface Count {
  name: string
  perChild: number
}

/** How many faults there are of one sort. */
export interface Sort {
  memory: string
  kind: ReturnType<typeof kindOf>
  perChild: number
}

export interface Faults {
  children: number
  /** What the kernel counts for each child (ru_minflt), the median. */
  counted: number
  /** How many of them have a name, the median. */
  named: number
  sorts: Sort[]
  functions: Count[]
}

/** The names of a program's functions by their addresses. */
function functionNames(symbols: ReadonlyMap<string, number>): (address: number) => string {
  const sorted = [...symbols].sort(([, a], [, b]) => a - b)
  return (address) => {
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sorted[middle]![1] <= address) low = middle + 1
      else high = middle
    }
    // Behind the last symbol is what V8 has compiled.
    return low === 0 || low === sorted.length ? 'compiled JavaScript' : sorted[low - 1]![0]
  }
}

/** How many there are of each name, for each child, the most first. */
function count(faults: readonly Fault[], children: number, nameOf: (fault: Fault) => string): Count[] {
  const counts = new Map<string, number>()
  for (const fault of faults) counts.set(nameOf(fault), (counts.get(nameOf(fault)) ?? 0) + 1)
  return [...counts].map(([name, all]) => ({ name, perChild: all / children })).sort((a, b) => b.perChild - a.perChild)
}

function tabulate({ sorts, functions, counted, named }: Faults): TableData[] {
  const figure = (value: number): string => value.toFixed(1)
  return [
    {
      title: `Page faults of a child that does nothing: the kernel counts ${counted}, and ${named} have a name`,
      head: ['memory', 'the kernel', 'faults'],
      rows: sorts.map(({ memory, kind, perChild }) => [memory, kind, figure(perChild)]),
    },
    {
      title: `The ${FUNCTIONS_SHOWN} functions with the most of them`,
      head: ['function', 'faults'],
      rows: functions.slice(0, FUNCTIONS_SHOWN).map(({ name, perChild }) => [name, figure(perChild)]),
    },
  ]
}

async function measure(children: number, progress: (text: string) => void): Promise<Faults> {
  await using scope = new Scope()
  const server = await startServer(scope, 'private', { warmup: jobs.nothing, spares: 0 })
  const counted = new Map<number, number>()
  const runOne = async (): Promise<void> => {
    const child = new Process(jobs.nothing, [], { server })
    await child.start()
    const { pid } = child
    const { usage } = await child.join()
    counted.set(pid!, usage!.minorFaults)
  }
  progress('the first children')
  for (let at = 0; at < UNMEASURED; at++) await runOne()
  counted.clear()
  const program = realpathSync(process.execPath)
  const symbols = await symbolsOf(program)
  const maps = parseMaps(readFileSync(`/proc/${server.pid}/maps`, 'latin1'))
  const spaces = new V8Spaces(server.pid, spaceTables(symbols))
  scope.defer(() => spaces.close())
  progress(`${children} children`)
  const text = await recordFaults(server.pid, async () => {
    for (let at = 0; at < children; at++) await runOne()
  })
  const memoryOf = memoryNames(maps, program, (address) => spaces.spaceOf(address))
  const faults = parseFaults(text, functionNames(symbols)).filter(({ pid }) => counted.has(pid))
  const named = [...counted.keys()].map((pid) => faults.filter((fault) => fault.pid === pid).length)
  const sorts = count(faults, children, (fault) => `${memoryOf(fault.address)}|${kindOf(fault)}`)
  return {
    children,
    counted: median([...counted.values()]),
    named: median(named),
    sorts: sorts.map(({ name, perChild }) => {
      const [memory, kind] = name.split('|') as [string, Sort['kind']]
      return { memory, kind, perChild }
    }),
    functions: count(faults, children, ({ by }) => by).filter(({ perChild }) => perChild >= LEAST),
  }
}

async function run({ samples }: Settings, progress: (text: string) => void): Promise<Finding> {
  const why = await whyNoFaults()
  if (why) return { results: {}, tables: [], bars: [], skipped: [{ what: 'all of it', why }], notes: [] }
  const results = await measure(Math.min(samples, MOST_CHILDREN), progress)
  return {
    results,
    tables: tabulate(results),
    bars: [],
    skipped: [],
    notes: ['copied: the child wrote to a page that it shared. new: an empty page. mapped: pages of a file were read.'],
  }
}

export const faults: Benchmark = {
  name: 'faults',
  question: 'Which pages does a child touch, from its birth to its end?',
  run,
}
