// Runs in: owner. `npm run bench -- workloads`: whether JavaScript runs as fast in a child as in a plain Node, and how
// long a whole program takes to start.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ForkServer, Process, program, type Reference, remote } from 'forkserver'
import { EMPTY, jobs, runNothing } from './peers.js'
import { atMost, type Bar, type Benchmark, type Finding, short } from './report.js'
import { Scope, within } from './scope.js'
import type { Settings } from './settings.js'
import { median } from './statistics.js'

const heavy = remote<typeof import('./heavy.js')>(new URL('./heavy.js', import.meta.url))
const PLAIN = fileURLToPath(new URL('./heavy-main.js', import.meta.url))
/** Each workload, and how many times as long a child may take. */
const WORKLOADS: readonly (readonly [Reference<() => number>, number])[] = [
  [heavy.collectGarbage, 1.1],
  [heavy.compile, 1.1],
  [heavy.parseJson, 1.1],
  [heavy.runWasm, 1.1],
  [heavy.drawRandom, 2],
]
const LIMIT_MS = 60_000
/** One piece of work takes a thousand times as long as a latency, so there are fewer samples. */
const SAMPLES_PER_RUN = 50
const PROGRAM_LIMIT = 1.5

interface Row {
  workload: string
  samples: number
  plainMs: number
  childMs: number
  ratio: number
}

async function runPlainly({ name }: Reference): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [PLAIN, name], { timeout: LIMIT_MS })
  return Number(stdout)
}

async function runForked(reference: Reference<() => number>, server: ForkServer): Promise<number> {
  await using p = await new Process(reference, [], { server, stdio: ['ignore', 'ignore', 'inherit'] }).start()
  return await within(LIMIT_MS, reference.name, p.result)
}

async function compare(reference: Reference<() => number>, server: ForkServer, samples: number): Promise<Row> {
  const [plain, forked]: [number[], number[]] = [[], []]
  for (let i = 0; i < samples; i++) {
    // In turns, and each one first as often as second, because the machine has other work, too.
    const turns = [
      async () => plain.push(await runPlainly(reference)),
      async () => forked.push(await runForked(reference, server)),
    ]
    for (const turn of i % 2 === 0 ? turns : turns.reverse()) await turn()
  }
  const [plainMs, childMs] = [median(plain), median(forked)]
  return { workload: reference.name, samples, plainMs, childMs, ratio: childMs / plainMs }
}

interface Starts {
  samples: number
  functionMs: number
  programMs: number
}

async function compareStarts(server: ForkServer, samples: number): Promise<Starts> {
  const took: [number[], number[]] = [[], []]
  for (let i = 0; i < samples; i++) {
    for (const kind of i % 2 === 0 ? [0, 1] : [1, 0]) {
      const before = performance.now()
      if (kind === 0) await runNothing(server)
      else await (await new Process(program(EMPTY), [], { server, stdio: 'ignore' }).start()).join()
      took[kind]!.push(performance.now() - before)
    }
  }
  return { samples, functionMs: median(took[0]), programMs: median(took[1]) }
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  const server = scope.use(await ForkServer.start({ preload: [heavy.module, jobs.module] }))
  const samples = Math.max(2, Math.ceil(settings.samples / SAMPLES_PER_RUN))
  const rows: Row[] = []
  const bars: Bar[] = []
  for (const [reference, limit] of WORKLOADS) {
    progress(reference.name)
    const row = await compare(reference, server, samples)
    rows.push(row)
    bars.push(atMost(`${row.workload}: child against plain node`, row.ratio, { unit: 'x', limit }))
  }
  progress('starts')
  const starts = await compareStarts(server, Math.ceil(settings.samples / 2))
  bars.push(
    atMost('an empty program against a function, start to end', starts.programMs / starts.functionMs, {
      unit: 'x',
      limit: PROGRAM_LIMIT,
    }),
  )
  return {
    results: { workloads: rows, starts },
    tables: [
      {
        title: 'Time of a piece of work, in milliseconds (medians)',
        head: ['', 'n', 'plain node', 'child', 'ratio'],
        rows: rows.map((row) => [
          row.workload,
          String(row.samples),
          ...[row.plainMs, row.childMs, row.ratio].map(short),
        ]),
      },
      {
        title: 'Start to end, in milliseconds (medians)',
        head: ['', 'n', 'function', 'program'],
        rows: [['forked', String(starts.samples), short(starts.functionMs), short(starts.programMs)]],
      },
    ],
    bars,
    skipped: [],
    notes: ['The clock runs in the process that works: the start of a plain Node is not in it.'],
  }
}

export const workloads: Benchmark = {
  name: 'workloads',
  question: 'Does JavaScript run as fast in a child as in a plain Node, and what does a whole program cost to start?',
  run,
}
