// Runs in: owner. `npm run bench -- jest`: whole runs of jest: in its own processes, one for each test file or reused,
// and with forkserver/jest.
import { KINDS, type Kind, Projects, WAYS, type Way } from './jest-project.js'
import { atMost, type Bar, type Benchmark, type Finding, short, withSpread } from './report.js'
import { Scope } from './scope.js'
import type { Settings } from './settings.js'
import { median, spreadOf } from './statistics.js'

/** How many times as long as jest's reused processes, which isolate nothing, forked ones may take. */
const LIMITS = { learnt: 1.1, cold: 1 } as const

interface Row {
  kind: Kind
  way: Way
  /** Of each round, in milliseconds. */
  ms: number[]
  /** This time, divided by that of jest as it is in the same round; the median. */
  timesAsLong: number
}

async function compare(kind: Kind, projects: Projects, rounds: number): Promise<Row[]> {
  const ways = Object.keys(WAYS) as Way[]
  const took = new Map<Way, number[]>(ways.map((way) => [way, []]))
  // Not measured: files come into the system's cache, and transformed ones into jest's.
  for (const way of ways) await projects.run(kind, way)
  for (let round = 0; round < rounds; round++) {
    // In turns. `cold` forgets what was learnt, so it comes before the one that needs it.
    for (const way of ways) took.get(way)!.push(await projects.run(kind, way))
  }
  const own = took.get('reused')!
  return ways.map((way) => {
    const ms = took.get(way)!
    return { kind, way, ms, timesAsLong: median(ms.map((one, round) => one / own[round]!)) }
  })
}

async function run({ rounds, files }: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  progress('npm ci')
  const projects = scope.use(new Projects())
  await projects.make(files)
  const rows: Row[] = []
  const bars: Bar[] = []
  for (const kind of Object.keys(KINDS) as Kind[]) {
    progress(kind)
    const found = await compare(kind, projects, rounds)
    rows.push(...found)
    const of = (way: Way): number => found.find((row) => row.way === way)!.timesAsLong
    bars.push(atMost(`${kind}: learnt, against reused`, of('learnt'), { unit: 'x', limit: LIMITS.learnt }))
    bars.push(atMost(`${kind}: the first run, against reused`, of('cold'), { unit: 'x', limit: LIMITS.cold }))
  }
  return {
    results: { rows },
    tables: [
      {
        title: `A run of jest with ${files} test files, in seconds: median (lowest - highest)`,
        head: ['', '', 'n', 'seconds', 'times as long'],
        rows: rows.map(({ kind, way, ms, timesAsLong }) => [
          kind,
          way,
          String(ms.length),
          withSpread(spreadOf(ms.map((one) => one / 1_000))),
          short(timesAsLong),
        ]),
      },
    ],
    bars,
    skipped: [],
    notes: [
      "fresh: jest's own processes, a fresh one for each file. reused: jest as it is, which isolates no processes.",
      'cold: forkserver/jest for the first time. learnt: the next time.',
    ],
  }
}

export const jest: Benchmark = {
  name: 'jest',
  question: 'How long does jest run test files, each in a process of its own?',
  run,
}
