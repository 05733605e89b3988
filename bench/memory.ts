// Runs in: owner. `npm run bench -- memory`: how much memory an idle child takes, and whether a template grows while it
// forks.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ForkServer } from 'forkserver'
import { Crowd, heard, startServer } from './children.js'
import { IDLE, runNothing } from './peers.js'
import { type Holdings, type Memory, readHoldings, readMemory } from './proc.js'
import { AT_A_TIME } from './race.js'
import { atMost, type Bar, type Benchmark, type Finding, type Skipped, short, type TableData } from './report.js'
import { Scope, within } from './scope.js'
import type { Settings } from './settings.js'
import { median } from './statistics.js'

const MIB = 2 ** 20
/** How many idle children there are when the memory of each is read. */
const CROWDS = [1, 10, 100]
/** How many children of child_process.fork() are started for comparison. */
const PEERS = 10
const SETTLE_MS = 200
/** The growth is read this many times. */
const STEPS = 10
const FORKS_PER_STEP_LIMIT_MS = 120_000
/**
 * Heaps grow and shrink a little. Less than this, in MiB, is not growth. A leak of 120 bytes in each of 9,000 forks
 * would be more.
 */
const RSS_TOLERANCE_MIB = 1
/**
 * With fewer forks, the first tenth is not enough to warm up the template, and a heap that fills up looks like a leak.
 */
const ENOUGH_FORKS = 5_000
/** The goal for the memory of an idle child is for this many children. */
const BAR_CHILDREN = 100

interface PerChild {
  way: string
  children: number
  /** The medians of the children, in bytes. */
  pssBytes: number
  privateBytes: number
  /**
   * How much more memory the children and their template take than the template alone, per child. Null without a
   * template.
   */
  addedBytes: number | null
}

interface Moment extends Holdings {
  forks: number
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

function summarise(way: string, memories: readonly Memory[], addedBytes: number | null): PerChild {
  const pssBytes = median(memories.map((memory) => memory.pssBytes))
  const privateBytes = median(memories.map((memory) => memory.privateBytes))
  return { way, children: memories.length, pssBytes, privateBytes, addedBytes }
}

async function weighChildren(
  server: ForkServer & { readonly pid: number },
  live: number,
  progress: (text: string) => void,
): Promise<PerChild[]> {
  const alone = readMemory(server.pid).pssBytes
  await using crowd = new Crowd(server)
  const found: PerChild[] = []
  for (const count of CROWDS.filter((size) => size <= live)) {
    progress(`${count} idle children`)
    await crowd.growTo(count)
    const memories = crowd.pids.map(readMemory)
    const together = readMemory(server.pid).pssBytes + sum(memories.map(({ pssBytes }) => pssBytes))
    found.push(summarise('forkserver', memories, (together - alone) / count))
  }
  return found
}

async function weighPeers(count: number): Promise<PerChild> {
  await using scope = new Scope()
  const children: ChildProcess[] = []
  for (let index = 0; index < count; index++) {
    const child = fork(IDLE, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    const ended = once(child, 'exit')
    scope.defer(async () => {
      child.kill('SIGKILL')
      await ended
    })
    children.push(child)
  }
  await Promise.all(children.map((child) => heard(child.stdout!)))
  await sleep(SETTLE_MS)
  return summarise(
    'child_process.fork',
    children.map(({ pid }) => readMemory(pid!)),
    null,
  )
}

async function forkMany(server: ForkServer, count: number): Promise<void> {
  let missing = count
  const lane = async (): Promise<void> => {
    while (missing-- > 0) await runNothing(server)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, lane))
}

/** What the template holds, from its first fork to its last. No child is alive when it is read. */
async function watchGrowth(
  server: ForkServer & { readonly pid: number },
  forks: number,
  progress: (text: string) => void,
): Promise<Moment[]> {
  const moments: Moment[] = [{ forks: 0, ...readHoldings(server.pid) }]
  for (let step = 1; step <= STEPS; step++) {
    const total = Math.ceil((forks * step) / STEPS)
    progress(`${total} of ${forks} forks`)
    await within(FORKS_PER_STEP_LIMIT_MS, 'The template', forkMany(server, total - moments.at(-1)!.forks))
    moments.push({ forks: total, ...readHoldings(server.pid) })
  }
  return moments
}

function judge(perChild: readonly PerChild[], moments: readonly Moment[]): { bars: Bar[]; skipped: Skipped[] } {
  const bars: Bar[] = []
  const skipped: Skipped[] = []
  const most = perChild.find(({ way, children }) => way === 'forkserver' && children === BAR_CHILDREN)
  if (most)
    bars.push(
      atMost(`PSS per idle child, of ${BAR_CHILDREN}`, most.pssBytes / MIB, { unit: 'MiB', limit: 1.2, aim: 0.8 }),
    )
  else skipped.push({ what: 'the bar of PSS per idle child', why: `it takes ${BAR_CHILDREN} live children` })
  // The first tenth warms up the template: it compiles code that runs for the first time, and fills caches.
  const [warm, end] = [moments[1]!, moments.at(-1)!]
  const over = `template over ${end.forks - warm.forks} forks`
  if (end.forks >= ENOUGH_FORKS) {
    const grown = (end.rssBytes - warm.rssBytes) / MIB
    bars.push(atMost(`${over}: resident set grows`, grown, { unit: 'MiB', limit: RSS_TOLERANCE_MIB }))
  } else
    skipped.push({
      what: 'the bar of the resident set',
      why: `it takes ${ENOUGH_FORKS} forks to tell growth from warming up`,
    })
  bars.push(
    atMost(`${over}: descriptors grow`, end.descriptors - warm.descriptors, { unit: 'more', limit: 0 }),
    atMost(`${over}: mappings grow`, end.mappings - warm.mappings, { unit: 'more', limit: 0 }),
  )
  return { bars, skipped }
}

function tabulate(perChild: readonly PerChild[], moments: readonly Moment[]): TableData[] {
  const mebibytes = (bytes: number | null): string => (bytes === null ? '' : short(bytes / MIB))
  return [
    {
      title: 'Memory of an idle child, in MiB (medians)',
      head: ['', 'children', 'PSS', 'private', 'added per child'],
      rows: perChild.map(({ way, children, pssBytes, privateBytes, addedBytes }) => [
        way,
        String(children),
        ...[pssBytes, privateBytes, addedBytes].map(mebibytes),
      ]),
    },
    {
      title: 'The template while it forks',
      head: ['forks', 'resident MiB', 'descriptors', 'mappings'],
      rows: moments.map(({ forks, rssBytes, descriptors, mappings }) => [
        String(forks),
        (rssBytes / MIB).toFixed(2),
        String(descriptors),
        String(mappings),
      ]),
    },
  ]
}

async function run({ live, forks }: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  // A spare that is forked while the template is read would be a descriptor that is in nobody's count.
  const server = await startServer(scope, 'private', { spares: 0 })
  // This comes first, because starting the children is itself a number of forks.
  const moments = await watchGrowth(server, forks, progress)
  const perChild = await weighChildren(server, live, progress)
  perChild.push(await weighPeers(Math.min(PEERS, live)))
  return {
    results: { template: server.report!, perChild, growth: moments },
    tables: tabulate(perChild, moments),
    ...judge(perChild, moments),
    notes: [
      'PSS counts a page that n processes share as 1/n: with one child, half of the whole template is on its account.',
      '"Added" is how much more memory (PSS) template and children take together ' +
        'than the template alone, divided by the number of children.',
      'The template grows from the first tenth of the forks to the last: before, it warms up.',
    ],
  }
}

export const memory: Benchmark = {
  name: 'memory',
  question: 'What does an idle child cost, and does a template grow while it forks?',
  run,
}
