// Runs in: owner. `npm run bench -- pool`: what a task costs in a pool of two workers, compared with the pools of Node
// and of CPython.
import { type ForkServer, Pool } from 'forkserver'
import { startServer } from './children.js'
import { jobs, type Python, startPythons, temporaryFolder } from './peers.js'
import { drive, isolatingPools, type NodePool, nodePools, PROCESSES } from './pool-peers.js'
import { type Contender, type Rates, race, ratio, type Slice } from './race.js'
import {
  atLeast,
  atMost,
  type Bar,
  type Benchmark,
  type Finding,
  LATENCY_HEAD,
  latencyCells,
  type Skipped,
  type TableData,
  withSpread,
} from './report.js'
import { Scope } from './scope.js'
import type { Settings } from './settings.js'
import { type Latency, latencyOf, type Spread } from './statistics.js'

const MIB = 2 ** 20
const BUFFER_BYTES = 16 * MIB
const BUFFER_NAME = `${BUFFER_BYTES / MIB} MiB for each task`
/** concurrent_imap of pyperformance: two workers, this many items, in chunks of this size. */
const IMAP_ITEMS = 1_000
const IMAP_CHUNK = 10
const LARGE_CHUNK = 100
/** There are four races here, and only one in process-creation, so each of them has a shorter slice. */
const SLICES_PER_RUN = 2
const SAMPLES_PER_RUN = 25
const ASK_MS = 60_000
/** What the name of CPython's pool of forked workers ends with. */
const FORK = ', fork'

type Role = 'ours' | 'processes' | 'threads' | 'cpython'

interface Entry {
  role: Role
  contender: Contender
}

interface Racer extends Rates {
  role: Role
  /** The rate of our pool, divided by the rate of this one. */
  forkserverIsFasterBy: Spread
}

interface Question {
  title: string
  racers: Racer[]
}

function* numbers(end: number): Generator<number> {
  for (let i = 0; i < end; i++) yield i
}

/** Yields numbers for this many milliseconds. */
function* numbersFor(ms: number): Generator<number> {
  const end = performance.now() + ms
  for (let i = 0; performance.now() < end; i++) yield i
}

async function imapFor(pool: Pool, ms: number, chunkSize: number | 'auto'): Promise<Slice> {
  const start = performance.now()
  let processes = 0
  for await (const value of pool.imap(jobs.identity, numbersFor(ms), { chunkSize })) {
    if (value !== processes++) throw new Error(`Result ${processes} is ${value}.`)
  }
  return { processes, ms: performance.now() - start }
}

async function buffersFor(pool: Pool, ms: number): Promise<Slice> {
  const bytes = new Uint8Array(BUFFER_BYTES)
  const call = async (): Promise<void> => {
    if ((await pool.run(jobs.sizeOf, [bytes])) !== BUFFER_BYTES) throw new Error('A buffer was cut.')
  }
  return drive({ call }, 'sizeOf', bytes, { ms, atATime: PROCESSES })
}

const ours = (name: string, run: (ms: number) => Promise<Slice>): Entry => ({
  role: 'ours',
  contender: { name: `forkserver ${name}`, race: run },
})

const pythonEntry = ({ peer, version }: Python, question: (ms: number) => string): Entry => ({
  role: 'cpython',
  contender: { name: `CPython ${version} Pool.imap`, race: (ms) => peer.race(ms, question) },
})

const nodeEntry = (pool: NodePool, run: (ms: number) => Promise<Slice>): Entry => ({
  role: pool.isProcesses ? 'processes' : 'threads',
  contender: { name: pool.name, race: run },
})

async function ask(title: string, entries: readonly Entry[], options: RaceOptions): Promise<Question> {
  const progress = (text: string): void => options.progress(`${title}, ${text}`)
  const rates = await race(
    entries.map(({ contender }) => contender),
    { ...options, progress },
  )
  const first = rates[0]!
  const racers = rates.map((rate, index) => ({
    ...rate,
    role: entries[index]!.role,
    forkserverIsFasterBy: ratio(first, rate),
  }))
  return { title, racers }
}

interface RaceOptions {
  rounds: number
  sliceMs: number
  progress: (text: string) => void
}

async function askAll(server: ForkServer, pythons: readonly Python[], options: RaceOptions): Promise<Question[]> {
  await using scope = new Scope()
  const pool = scope.use(new Pool({ server, processes: PROCESSES }))
  const peers = nodePools(scope)
  const identity = peers.map((peer) => nodeEntry(peer, (ms) => drive(peer, 'identity', 1, { ms })))
  const bytes = new Uint8Array(BUFFER_BYTES)
  const buffers = peers.map((peer) => nodeEntry(peer, (ms) => drive(peer, 'sizeOf', bytes, { ms, atATime: PROCESSES })))
  const python = (question: (ms: number) => string): Entry[] => pythons.map((one) => pythonEntry(one, question))
  const run = (): Promise<unknown> => pool.run(jobs.identity, [1])
  return [
    await ask(
      'Tasks one by one',
      [
        ours('Pool.imap', (ms) => imapFor(pool, ms, 1)),
        ours('Pool.run', (ms) => drive({ call: run }, 'identity', 1, { ms })),
        ...identity,
        ...python((ms) => `imap ${ms} 1`),
      ],
      options,
    ),
    await ask(
      `Tasks in chunks of ${LARGE_CHUNK}`,
      [
        ours('Pool.imap', (ms) => imapFor(pool, ms, LARGE_CHUNK)),
        ours("Pool.imap, 'auto'", (ms) => imapFor(pool, ms, 'auto')),
        ...python((ms) => `imap ${ms} ${LARGE_CHUNK}`),
      ],
      options,
    ),
    await ask(
      BUFFER_NAME,
      [ours('Pool.run', (ms) => buffersFor(pool, ms)), ...buffers, ...python((ms) => `buffer ${ms} ${BUFFER_BYTES}`)],
      options,
    ),
  ]
}

async function askIsolated(server: ForkServer, options: RaceOptions): Promise<Question> {
  await using scope = new Scope()
  const pool = scope.use(new Pool({ server, processes: PROCESSES, isolate: 'task' }))
  const fresh = isolatingPools(scope).map((peer) =>
    nodeEntry(peer, (ms) => drive(peer, 'identity', 1, { ms, atATime: 2 * PROCESSES })),
  )
  const entries = [ours("Pool, isolate: 'task'", (ms) => imapFor(pool, ms, 1)), ...fresh]
  return await ask('A fresh worker for each task', entries, options) // wait before the scope ends the competitors
}

/** One pool: creates it, reads all results and ends it. */
async function concurrentImap(server: ForkServer): Promise<number> {
  const start = performance.now()
  const pool = new Pool({ server, processes: PROCESSES })
  let count = 0
  for await (const _ of pool.imap(jobs.identity, numbers(IMAP_ITEMS), { chunkSize: IMAP_CHUNK })) count++
  pool.terminate()
  await pool.join()
  if (count !== IMAP_ITEMS) throw new Error(`imap gave ${count} of ${IMAP_ITEMS} results.`)
  return performance.now() - start
}

type Whole = { name: string } & Latency

async function comparePools(server: ForkServer, pythons: readonly Python[], samples: number): Promise<Whole[]> {
  const contenders = [
    { name: 'forkserver', one: () => concurrentImap(server) },
    ...pythons.flatMap(({ peer, version }) =>
      ['fork', 'forkserver'].map((method) => ({
        name: `CPython ${version}, ${method}`,
        one: async () => Number(await peer.ask(`concurrent 1 ${method}`, ASK_MS)) / 1e6,
      })),
    ),
  ]
  const taken = contenders.map((): number[] => [])
  for (const { one } of contenders) await one() // not measured: compiles code, and starts the fork server of Python
  for (let i = 0; i < samples; i++) {
    for (const [index, { one }] of contenders.entries()) taken[index]!.push(await one())
  }
  return contenders.map(({ name }, index) => ({ name, ...latencyOf(taken[index]!) }))
}

/** The rate of our pool, divided by the rate of the fastest pool of this role. Computed within each round. */
function againstBest(racers: readonly Racer[], role: Role): number | undefined {
  const factors = racers.filter((racer) => racer.role === role).map((racer) => racer.forkserverIsFasterBy.median)
  return factors.length > 0 ? Math.min(...factors) : undefined
}

function judge([single, chunked, buffers, fresh]: readonly Question[], whole: readonly Whole[]): Bar[] {
  const bars: Bar[] = []
  const factor = (name: string, { racers }: Question, role: Role, limit: number): void => {
    const measured = againstBest(racers, role)
    if (measured !== undefined) bars.push(atLeast(name, measured, { unit: 'x', limit }))
  }
  factor('tasks one by one: imap against the fastest process pool of Node', single!, 'processes', 2)
  factor('tasks one by one: imap against CPython', single!, 'cpython', 1)
  const perSecond = chunked!.racers[0]!.perSecond.median
  bars.push(atLeast(`tasks in chunks of ${LARGE_CHUNK}`, perSecond, { unit: 'per second', limit: 1_000_000 }))
  factor(`${BUFFER_NAME}: against the fastest process pool of Node`, buffers!, 'processes', 5)
  bars.push(
    atLeast('a fresh process for each task', fresh!.racers[0]!.perSecond.median, { unit: 'per second', limit: 350 }),
  )
  factor('a fresh process for each task: against tinypool with isolateWorkers', fresh!, 'processes', 10)
  const [ours, ...others] = whole
  bars.push(atMost('concurrent_imap, median', ours!.medianMs, { unit: 'ms', limit: 20, aim: 12 }))
  const forked = others.filter(({ name }) => name.endsWith(FORK)).map(({ medianMs }) => medianMs / ours!.medianMs)
  if (forked.length > 0)
    bars.push(
      atLeast("concurrent_imap: against CPython's Pool on fork", Math.min(...forked), { unit: 'x', limit: 1.3 }),
    )
  return bars
}

function tabulate(questions: readonly Question[], whole: readonly Whole[]): TableData[] {
  return [
    ...questions.map(({ title, racers }) => ({
      title: `${title}: tasks per second, median (lowest - highest) of the rounds`,
      head: ['', 'n', 'per second', `${racers[0]!.name} is faster by`],
      rows: racers.map(({ name, processes, perSecond, forkserverIsFasterBy }, index) => [
        name,
        String(processes),
        withSpread(perSecond),
        index === 0 ? '' : withSpread(forkserverIsFasterBy),
      ]),
    })),
    {
      title:
        `concurrent_imap: create a pool of ${PROCESSES}, ` +
        `read ${IMAP_ITEMS} results in chunks of ${IMAP_CHUNK}, end it`,
      head: ['', ...LATENCY_HEAD],
      rows: whole.map((row) => [row.name, ...latencyCells(row)]),
    },
  ]
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  const skipped: Skipped[] = []
  const server = await startServer(scope)
  const pythons = await startPythons(scope, await temporaryFolder(scope), skipped, 'cpython_pool')
  const options = { rounds: settings.rounds, sliceMs: settings.sliceMs / SLICES_PER_RUN, progress }
  const questions = [...(await askAll(server, pythons, options)), await askIsolated(server, options)]
  progress('concurrent_imap')
  const whole = await comparePools(server, pythons, Math.max(3, Math.ceil(settings.samples / SAMPLES_PER_RUN)))
  return {
    results: { template: server.report!, questions, concurrentImap: whole },
    tables: tabulate(questions, whole),
    bars: judge(questions, whole),
    skipped,
    notes: [
      `Each pool has ${PROCESSES} workers. Node's pools always have calls waiting, ` +
        "and those of processes use structured clone ('advanced').",
      'Threads share a process and its memory. They are here because people use them instead of processes; ' +
        'there is no goal for them.',
      "CPython's Pool of the races has forked its workers, as it does by default on Linux before 3.14.",
    ],
  }
}

export const pool: Benchmark = {
  name: 'pool',
  question: 'What does a task cost in a pool of two workers?',
  run,
}
