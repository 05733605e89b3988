// Runs in: owner. `npm run bench -- process-table`: how long it takes to start and end 32 to 2048 processes, as a table
// like those in which CPython's developers compare their start methods.
import os from 'node:os'
import { ForkServer } from 'forkserver'
import { startServer } from './children.js'
import { type Python, runNothing, runOverNewConnection, startPythons, temporaryFolder } from './peers.js'
import { type Benchmark, type Finding, type Skipped, short, type TableData } from './report.js'
import { Scope, within } from './scope.js'
import type { Settings } from './settings.js'
import { type Deviation, deviationOf } from './statistics.js'

const TOTALS = [32, 128, 384, 1024, 2048]
/** How many processes run at a time. */
const ACTIVE = os.availableParallelism()
/** After this time, no further iteration begins. */
const LIMIT_MS = 15 * 60_000
/** A process takes a few milliseconds; a thousand times as much is a hang. */
const LIMIT_PER_PROCESS_MS = 3_000

interface Candidate {
  readonly name: string
  /** Starts and joins this many processes. Resolves with the milliseconds that it took. */
  startAll(total: number): Promise<number>
}

/** One line of the table. */
export interface TableRow {
  name: string
  total: number
  active: number
  iterations: number
  perSecond: Deviation
  seconds: Deviation
}

async function startByLanes(total: number, one: () => Promise<void>): Promise<number> {
  const start = performance.now()
  let started = 0
  const lane = async (): Promise<void> => {
    while (started < total) {
      started++
      await one()
    }
  }
  await Promise.all(Array.from({ length: ACTIVE }, lane))
  return performance.now() - start
}

function pythonCandidate({ peer, version, authenticates }: Python): Candidate {
  return {
    name: `CPython ${version} forkserver${authenticates ? '' : ', not authenticated'}`,
    async startAll(total) {
      const [, ns] = (await peer.ask(`total ${total} ${ACTIVE}`, total * LIMIT_PER_PROCESS_MS)).split(' ').map(Number)
      return ns! / 1e6
    },
  }
}

async function lineUp(scope: Scope, skipped: Skipped[]): Promise<Candidate[]> {
  const server = await startServer(scope, 'path')
  if (!server.address || !('path' in server.address)) throw new Error('A server with the transport path has no path.')
  const target = { path: server.address.path, key: server.key!.export() }
  const connected = scope.use(await ForkServer.connect({ path: target.path }, target.key))
  const candidates: Candidate[] = [
    { name: 'forkserver, one connection', startAll: (total) => startByLanes(total, () => runNothing(connected)) },
    {
      name: 'forkserver, one connection per process',
      startAll: (total) => startByLanes(total, () => runOverNewConnection(target)),
    },
  ]
  const pythons = await startPythons(scope, await temporaryFolder(scope), skipped)
  return [...candidates, ...pythons.map(pythonCandidate)]
}

/** The results of this benchmark. */
export interface TableResults {
  active: number
  rows: TableRow[]
  /** The mean of the load average after each iteration. What exceeds the active processes is other work. */
  loadAverage: number
}

/**
 * Each iteration measures every total with every candidate, so that a disturbance of the machine affects all of them.
 */
async function measure(
  candidates: readonly Candidate[],
  totals: readonly number[],
  { iterations, progress }: { iterations: number; progress: (text: string) => void },
): Promise<TableResults> {
  const start = performance.now()
  const cells = totals.flatMap((total) =>
    candidates.map((candidate) => ({ ...candidate, total, taken: [] as number[] })),
  )
  const loads: number[] = []
  while (loads.length < iterations && (loads.length === 0 || performance.now() - start < LIMIT_MS)) {
    for (const { name, total, taken, startAll } of cells) {
      progress(`iteration ${loads.length + 1} of ${iterations}: ${total} processes, ${name}`)
      taken.push(await within(total * LIMIT_PER_PROCESS_MS, name, startAll(total)))
    }
    loads.push(os.loadavg()[0]!)
  }
  const rows = cells.map(({ name, total, taken }) => ({
    name,
    total,
    active: ACTIVE,
    iterations: taken.length,
    perSecond: deviationOf(taken.map((ms) => (total / ms) * 1000)),
    seconds: deviationOf(taken.map((ms) => ms / 1000)),
  }))
  return { active: ACTIVE, rows, loadAverage: Math.round(deviationOf(loads).mean * 100) / 100 }
}

function tabulate(rows: readonly TableRow[]): TableData[] {
  return [...new Set(rows.map(({ name }) => name))].map((name) => ({
    title: `${name}: at most ${ACTIVE} processes are active`,
    head: ['total', 'iterations', 'per second', 'deviation', 'seconds', 'deviation'],
    rows: rows
      .filter((row) => row.name === name)
      .map(({ total, iterations, perSecond, seconds }) => [
        String(total),
        String(iterations),
        ...[perSecond.mean, perSecond.deviation, seconds.mean, seconds.deviation].map(short),
      ]),
  }))
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  const skipped: Skipped[] = []
  await using scope = new Scope()
  const candidates = await lineUp(scope, skipped)
  const totals = TOTALS.filter((total) => total <= settings.forks)
  if (totals.length === 0) totals.push(settings.forks)
  for (const { startAll } of candidates) await startAll(totals[0]!) // not measured
  const results = await measure(candidates, totals, { iterations: settings.iterations, progress })
  return {
    results,
    tables: tabulate(results.rows),
    bars: [],
    skipped,
    notes: [
      'A process is started, runs an empty function and is joined. Mean and standard deviation are those of the ' +
        'iterations, in which all totals and candidates take turns.',
      `"One connection per process" is ForkServer.connect(), with its handshake, Process and close(), each time.`,
      `The load average was ${short(results.loadAverage)}. What exceeds ${ACTIVE} is other work, which slows all ` +
        'candidates.',
    ],
  }
}

export const processTable: Benchmark = {
  name: 'process-table',
  question: 'How long do 32 to 2048 processes take?',
  run,
}
