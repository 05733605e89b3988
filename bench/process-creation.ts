// Runs in: owner. `npm run bench -- process-creation`: how fast processes start, compared with competitors and with the
// kernel alone.
import { type ForkServer, Process } from 'forkserver'
import { startServer } from './children.js'
import {
  childProcessContender,
  compileFloor,
  floorContender,
  forkServerContender,
  jobs,
  pythonContender,
  startPythons,
  temporaryFolder,
  workerContender,
} from './peers.js'
import { readMemory } from './proc.js'
import { type Contender, type Rates, race, ratio } from './race.js'
import {
  atLeast,
  atMost,
  type Bar,
  type Benchmark,
  type Finding,
  LATENCY_HEAD,
  latencyCells,
  type Skipped,
  short,
  type TableData,
  withSpread,
} from './report.js'
import { sampleLatencies, sampleWithLive } from './sample-latencies.js'
import { Scope } from './scope.js'
import type { Settings } from './settings.js'
import { type Latency, latencyOf, median, type Spread } from './statistics.js'

const MIB = 2 ** 20
/** Node 20 itself starts slower than later versions, so the goal is higher there. */
const SLOW_MAJOR = 20
/** How many children are asked for their page faults. */
const FAULT_SAMPLES = 21
/** How much larger the median with the most live children may be than the median with the fewest. */
const FLAT = 1.25

type Role = 'ours' | 'child_process' | 'worker' | 'cpython' | 'floor' | 'floor, anonymous' | 'floor, faults'

interface Entry {
  role: Role
  contender: Contender
  /** Whether it authenticates requests, as forkserver does. Only of fork servers. */
  authenticates?: boolean
}

interface Racer extends Rates {
  role: Role
  authenticates: boolean | undefined
  /** The rate of forkserver, divided by the rate of this competitor. */
  forkserverIsFasterBy: Spread
}

/** How many page faults one of its children has that does nothing: the median. */
async function faultsOfChild(server: ForkServer): Promise<number> {
  const faults: number[] = []
  for (let child = 0; child < FAULT_SAMPLES; child++) {
    const process = await new Process(jobs.nothing, [], { server, stdio: 'ignore' }).start()
    faults.push((await process.join()).usage!.minorFaults)
  }
  return median(faults)
}

async function lineUp(
  scope: Scope,
  server: ForkServer & { readonly pid: number },
  skipped: Skipped[],
): Promise<Entry[]> {
  const folder = await temporaryFolder(scope)
  const entries: Entry[] = [
    { role: 'ours', contender: forkServerContender('forkserver', server) },
    { role: 'child_process', contender: childProcessContender(scope) },
    { role: 'worker', contender: workerContender(scope) },
  ]
  for (const python of await startPythons(scope, folder, skipped)) {
    entries.push({ role: 'cpython', contender: pythonContender(python), authenticates: python.authenticates })
  }
  const program = await compileFloor(folder, skipped)
  if (!program) return entries
  const anonymous = readMemory(server.pid).anonymousBytes
  const pages = await faultsOfChild(server)
  const floors = [
    { role: 'floor', what: 'as much memory as the template', bytes: server.report!.rssBytes },
    { role: 'floor, anonymous', what: 'its anonymous part', bytes: anonymous },
    { role: 'floor, faults', what: 'and as many page faults as its children have', bytes: anonymous, pages },
  ] as const
  for (const { role, what, bytes, ...rest } of floors) {
    const size = 'pages' in rest ? `${rest.pages}` : `${Math.round(bytes / MIB)} MiB`
    const name = `C: fork + exit + wait, ${what} (${size})`
    entries.push({ role, contender: await floorContender(scope, program, { name, bytes, ...rest }) })
  }
  return entries
}

async function runRace(
  server: ForkServer & { readonly pid: number },
  settings: Settings,
  progress: (text: string) => void,
): Promise<{ racers: Racer[]; skipped: Skipped[] }> {
  const skipped: Skipped[] = []
  await using scope = new Scope()
  const entries = await lineUp(scope, server, skipped)
  const rates = await race(
    entries.map(({ contender }) => contender),
    { ...settings, progress },
  )
  const ours = rates[0]!
  const racers = rates.map((rate, index) => ({
    ...rate,
    role: entries[index]!.role,
    authenticates: entries[index]!.authenticates,
    forkserverIsFasterBy: ratio(ours, rate),
  }))
  return { racers, skipped }
}

function goalOf({ role, authenticates }: Racer): { limit: number; aim: number } | undefined {
  const isSlowNode = Number.parseInt(process.versions.node, 10) <= SLOW_MAJOR
  if (role === 'child_process') return { limit: isSlowNode ? 10 : 9, aim: 12 }
  if (role === 'cpython') return authenticates ? { limit: 1.2, aim: 2 } : { limit: 1, aim: 1.5 }
  return role === 'floor' ? { limit: 1, aim: 1.5 } : undefined
}

function judge(racers: readonly Racer[], latency: Latency, byLive: readonly ({ live: number } & Latency)[]): Bar[] {
  const bars: Bar[] = []
  for (const racer of racers) {
    const goal = goalOf(racer)
    if (goal) bars.push(atLeast(`against ${racer.name}`, racer.forkserverIsFasterBy.median, { unit: 'x', ...goal }))
  }
  bars.push(
    atMost('start to first user code, spares by default, median', latency.medianMs, { unit: 'ms', limit: 2, aim: 1.5 }),
  )
  const [few, many] = [byLive[0], byLive.at(-1)]
  if (few && many && few !== many) {
    const name = `the same with ${many.live} live children against ${few.live}`
    bars.push(atMost(name, many.medianMs / few.medianMs, { unit: 'x', limit: FLAT }))
  }
  return bars
}

function tabulate(
  racers: readonly Racer[],
  latency: Latency,
  byLive: readonly ({ live: number } & Latency)[],
): TableData[] {
  const rows = racers.map(({ name, processes, perSecond, forkserverIsFasterBy, role }) => {
    const factor = role === 'ours' ? '' : withSpread(forkserverIsFasterBy)
    return [name, String(processes), withSpread(perSecond), short(2000 / perSecond.median), factor]
  })
  return [
    {
      title: 'Processes per second, start to join, two at a time: median (lowest - highest) of the rounds',
      head: ['', 'n', 'per second', 'ms each', 'forkserver is faster by'],
      rows,
    },
    {
      title: 'Start to first user code, one at a time',
      head: ['live children', ...LATENCY_HEAD],
      rows: [['none', ...latencyCells(latency)], ...byLive.map((row) => [String(row.live), ...latencyCells(row)])],
    },
  ]
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  const server = await startServer(scope)
  const { racers, skipped } = await runRace(server, settings, progress)
  // This comes last, when no competitor is running, because the latency is for an idle machine.
  progress('latency')
  const latency = latencyOf(await sampleLatencies(server, settings.samples))
  const byLive = await sampleWithLive(server, settings, progress)
  return {
    results: { template: server.report!, racers, latency, latencyByLive: byLive },
    tables: tabulate(racers, latency, byLive),
    bars: judge(racers, latency, byLive),
    skipped,
    notes: [
      'Competitors and forkserver run in turns. A factor is the median of the factors of all rounds, ' +
        'so that a disturbance affects both.',
      `"Flat" is at most ${FLAT} x. A thread (Worker) is not isolated and is no process; it has no bar.`,
    ],
  }
}

export const processCreation: Benchmark = {
  name: 'process-creation',
  question: 'How fast does a process start and end?',
  run,
}
