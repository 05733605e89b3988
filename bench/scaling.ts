// Runs in: owner. `npm run bench -- scaling`: whether a start costs more if the template holds more memory.
import { ForkServer, remote } from 'forkserver'
import { compileFloor, floorContender, forkServerContender, jobs, temporaryFolder } from './peers.js'
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
import { sampleLatencies } from './sample-latencies.js'
import { Scope } from './scope.js'
import type { Settings } from './settings.js'
import { type Latency, latencyOf, median } from './statistics.js'

const MIB = 2 ** 20
/** Megabytes of objects in the templates. The first one is bare. */
const SIZES = [0, 100, 300, 1_000]
/** The size that is compared with the C program. */
const COMPARED = 300
/** V8 takes more than the objects alone, and collects them in the template: room, and time, for both. */
const EXEC_ARGV = ['--max-old-space-size=8000']
const START_LIMIT_MS = 300_000
/** The sizes take turns this many times. */
const TURNS = 5

interface Template {
  size: number
  server: ForkServer & { readonly pid: number }
}

interface Size {
  size: number
  /** Memory in the template's file, private memory of the template, and how many mappings it has. */
  coldBytes: number
  hotBytes: number
  mappings: number
  /** Why its memory is not in a file, or null. */
  notFlat: string | null
  startMs: number
  /** What the template holds after all forks, in bytes. */
  privateBytesAtEnd: number
  latency: Latency
  /** Of each turn, divided by that of the bare template. */
  againstBare: number
}

const { module: holding } = remote(new URL('./holding.js', import.meta.url))

async function startTemplate(scope: Scope, size: number): Promise<Template> {
  const server = scope.use(
    await ForkServer.start({
      preload: [holding, jobs.module],
      env: { ...process.env, BENCH_HOLD_MIB: String(size) },
      execArgv: EXEC_ARGV,
      startTimeout: START_LIMIT_MS,
    }),
  )
  if (server.pid === undefined)
    throw new Error(`There is nothing to measure without a template: ${server.spawnReason}.`)
  return { size, server: server as Template['server'] }
}

/** Latencies of each template, in turns. */
async function sampleAll(
  templates: readonly Template[],
  samples: number,
  progress: (text: string) => void,
): Promise<number[][][]> {
  const taken = templates.map((): number[][] => [])
  for (let turn = 1; turn <= TURNS; turn++)
    for (const [index, { size, server }] of templates.entries()) {
      progress(`latency, turn ${turn} of ${TURNS}: ${size} MB`)
      taken[index]!.push(await sampleLatencies(server, Math.ceil(samples / TURNS)))
    }
  return taken
}

function judge(sizes: readonly Size[], rates: readonly Rates[], floor: Rates | undefined): Bar[] {
  const largest = sizes.at(-1)!
  const bars = [
    atMost(`start to first user code: ${largest.size} MB of objects against a bare template`, largest.againstBare, {
      unit: 'x',
      limit: 1.25,
      aim: 1.1,
    }),
    atMost(`private memory of a template with ${largest.size} MB of objects`, largest.privateBytesAtEnd / MIB, {
      unit: 'MiB',
      limit: 60,
    }),
  ]
  const compared = rates[SIZES.indexOf(COMPARED)]
  if (floor && compared)
    bars.push(
      atLeast(`processes from ${COMPARED} MB of objects: against ${floor.name}`, ratio(compared, floor).median, {
        unit: 'x',
        limit: 5,
        aim: 10,
      }),
    )
  return bars
}

function tabulate(sizes: readonly Size[], rates: readonly Rates[]): TableData[] {
  const mib = (bytes: number): string => short(bytes / MIB)
  return [
    {
      title: 'Start to first user code, one at a time, by the size of the template',
      head: ['MB of objects', ...LATENCY_HEAD, 'against bare'],
      rows: sizes.map(({ size, latency, againstBare }) => [String(size), ...latencyCells(latency), short(againstBare)]),
    },
    {
      title: 'Processes per second, start to join, two at a time: median (lowest - highest) of the rounds',
      head: ['', 'n', 'per second'],
      rows: rates.map(({ name, processes, perSecond }) => [name, String(processes), withSpread(perSecond)]),
    },
    {
      title: 'The templates',
      head: ['MB of objects', 'cold MiB', 'hot MiB', 'mappings', 'private MiB at the end', 'start ms', 'why not cold'],
      rows: sizes.map((size) => [
        String(size.size),
        mib(size.coldBytes),
        mib(size.hotBytes),
        String(size.mappings),
        mib(size.privateBytesAtEnd),
        short(size.startMs),
        size.notFlat ?? '',
      ]),
    },
  ]
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  const skipped: Skipped[] = []
  const templates: Template[] = []
  for (const size of SIZES.filter((one) => one <= settings.objects)) {
    progress(`a template with ${size} MB of objects`)
    templates.push(await startTemplate(scope, size))
  }
  const contenders: Contender[] = templates.map(({ size, server }) =>
    forkServerContender(`forkserver, ${size} MB of objects`, server),
  )
  const report = templates.find(({ size }) => size === COMPARED)?.server.report
  if (!report) skipped.push({ what: 'the floor', why: `it takes a template with ${COMPARED} MB of objects` })
  const program = report && (await compileFloor(await temporaryFolder(scope), skipped))
  if (program) {
    const bytes = report.coldBytes + report.hotBytes
    const name = `C: fork + exit + wait, as much memory (${Math.round(bytes / MIB)} MiB)`
    contenders.push(await floorContender(scope, program, { name, bytes }))
  }
  const rates = await race(contenders, { ...settings, progress })
  const taken = await sampleAll(templates, settings.samples, progress)
  const bare = taken[0]!.map(median)
  const sizes = templates.map(({ size, server }, index): Size => {
    const { coldBytes, hotBytes, mappings, notFlat, startMs } = server.report!
    const againstBare = median(taken[index]!.map((turn, at) => median(turn) / bare[at]!))
    const privateBytesAtEnd = readMemory(server.pid).anonymousBytes
    const latency = latencyOf(taken[index]!.flat())
    return { size, coldBytes, hotBytes, mappings, notFlat, startMs, privateBytesAtEnd, latency, againstBare }
  })
  return {
    results: {
      byTemplate: sizes.map(({ size, ...rest }) => ({ templateMb: size, ms: rest.latency.medianMs, ...rest })),
      rates,
    },
    tables: tabulate(sizes, rates),
    bars: judge(sizes, rates, program ? rates.at(-1) : undefined),
    skipped,
    notes: [
      'Cold memory is in a file of which a fork copies no page tables. Hot memory is private: its page tables are ' +
        "copied. Node's code in huge pages is a part of it.",
      'MB of objects is what the preload was asked for; V8 takes about 1.3 times as much.',
    ],
  }
}

export const scaling: Benchmark = {
  name: 'scaling',
  question: 'Does a start cost more if the template holds more?',
  run,
}
