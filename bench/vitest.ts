// Runs in: owner. `npm run bench -- vitest`: whole runs of vitest, each test file in a process of its own: vitest's own
// pool `forks`, and forkserver/vitest.
import { atLeast, type Bar, type Benchmark, type Finding, short, withSpread } from './report.js'
import { Scope } from './scope.js'
import type { Settings } from './settings.js'
import { median, spreadOf } from './statistics.js'
import { KINDS, Projects, type Way } from './vitest-project.js'

const WAYS: readonly Way[] = ['forks', 'cold', 'learnt', 'warmed']
/** How many times as long as forkserver's vitest must take. */
const LIMITS = { react: 5, typescript: 4 } as const
const LOWEST_NODE = 22

interface Row {
  kind: keyof typeof KINDS
  way: Way
  /** Of each round, in milliseconds. */
  ms: number[]
  /** vitest's own time of the same round, divided by this one; the median. */
  timesFaster: number
}

async function compare(kind: keyof typeof KINDS, projects: Projects, rounds: number): Promise<Row[]> {
  const took = new Map<Way, number[]>(WAYS.map((way) => [way, []]))
  // Not measured: the files come into the system's cache.
  for (const way of WAYS) await projects.run(kind, way)
  for (let round = 0; round < rounds; round++) {
    // In turns. `cold` forgets what was learnt, so it comes before the two that need it; `warmed` learns for itself.
    for (const way of WAYS) {
      if (way === 'warmed') await projects.run(kind, way)
      took.get(way)!.push(await projects.run(kind, way))
    }
  }
  const own = took.get('forks')!
  return WAYS.map((way) => {
    const ms = took.get(way)!
    return { kind, way, ms, timesFaster: median(ms.map((one, round) => own[round]! / one)) }
  })
}

async function run({ rounds, files }: Settings, progress: (text: string) => void): Promise<Finding> {
  if (Number.parseInt(process.versions.node, 10) < LOWEST_NODE) {
    const skipped = [{ what: 'vitest', why: `vitest 5 needs Node ${LOWEST_NODE}` }]
    return { results: { rows: [] }, tables: [], bars: [], skipped, notes: [] }
  }
  await using scope = new Scope()
  progress('npm ci')
  const projects = scope.use(new Projects())
  await projects.make(files)
  const rows: Row[] = []
  const bars: Bar[] = []
  for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
    progress(kind)
    const found = await compare(kind, projects, rounds)
    rows.push(...found)
    const of = (way: Way): number => found.find((row) => row.way === way)!.timesFaster
    bars.push(atLeast(`${kind}: warmed, against forks`, of('warmed'), { unit: 'x', limit: LIMITS[kind] }))
    bars.push(atLeast(`${kind}: the first run, against forks`, of('cold'), { unit: 'x', limit: 1 }))
  }
  return {
    results: { rows },
    tables: [
      {
        title: `A run of vitest with ${files} test files, in seconds: median (lowest - highest)`,
        head: ['', '', 'n', 'seconds', 'times faster'],
        rows: rows.map(({ kind, way, ms, timesFaster }) => [
          kind,
          way,
          String(ms.length),
          withSpread(spreadOf(ms.map((one) => one / 1_000))),
          short(timesFaster),
        ]),
      },
    ],
    bars,
    skipped: [],
    notes: [
      'forks: vitest as it is. cold: forkserverPool() for the first time. learnt: the next time.',
      'warmed: with a warm-up.',
    ],
  }
}

export const vitest: Benchmark = {
  name: 'vitest',
  question: 'How long does vitest run test files, each in a process of its own?',
  run,
}
