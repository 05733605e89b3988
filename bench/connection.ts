// Runs in: owner. `npm run bench -- connection`: what a message between two processes costs, with forkserver/connection
// and with its competitors.
import { batchOf, SIZES, sizeName } from './exchange.js'
import { timeConnections, timePython } from './handshake.js'
import { type NearEnd, openIpc, openNet, openOurs, openPort } from './near-end.js'
import { type Python, startPythons, temporaryFolder } from './peers.js'
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
import { Scope } from './scope.js'
import type { Settings } from './settings.js'
import type { Latency, Spread } from './statistics.js'

/** There are twice as many races as sizes, with nine competitors each. */
const SLICES_PER_RUN = 4
const MB = 1e6

type Way = 'roundTrips' | 'oneWay'
type Role = 'ours' | 'cpython' | 'ipc' | 'thread' | 'net'
/** Plain bytes, bytes as a value, or a string as JSON. Each is compared with the same kind. */
type Kind = 'bytes' | 'values' | 'json'

/** A competitor: something that sends messages. */
interface Entry {
  role: Role
  kind: Kind
  contend(way: Way, bytes: number): Contender
}

interface Racer extends Rates {
  role: Role
  kind: Kind
  /** The rate of forkserver for the same kind, divided by the rate of this competitor. */
  forkserverIsFasterBy: Spread
}

interface Question {
  way: Way
  bytes: number
  racers: Racer[]
}

interface Handshake extends Latency {
  what: string
}

const WAYS: Readonly<Record<Way, string>> = { roundTrips: 'round trips', oneWay: 'one way' }

function nearEntry(role: Role, kind: Kind, near: NearEnd): Entry {
  return { role, kind, contend: (way, bytes) => ({ name: near.name, race: (ms) => near[way](ms, bytes) }) }
}

function pythonEntry({ peer, version }: Python, kind: Kind): Entry {
  return {
    role: 'cpython',
    kind,
    contend: (way, bytes) => {
      const question = (ms: number): string =>
        way === 'roundTrips' ? `trips ${ms} ${bytes} ${kind}` : `stream ${ms} ${bytes} ${batchOf(bytes)} ${kind}`
      const name = `CPython ${version} ${kind === 'bytes' ? 'send_bytes' : 'send'}`
      return { name, race: (ms) => peer.race(ms, question) }
    },
  }
}

async function lineUp(scope: Scope, pythons: readonly Python[]): Promise<Entry[]> {
  const { bytes, values, json } = await openOurs(scope)
  return [
    nearEntry('ours', 'bytes', bytes),
    nearEntry('ours', 'values', values),
    nearEntry('ours', 'json', json),
    ...pythons.flatMap((python) => [pythonEntry(python, 'bytes'), pythonEntry(python, 'values')]),
    nearEntry('ipc', 'json', openIpc(scope, 'json')),
    nearEntry('ipc', 'values', openIpc(scope, 'advanced')),
    nearEntry('thread', 'values', openPort(scope)),
    nearEntry('net', 'bytes', await openNet(scope)),
  ]
}

async function ask(
  way: Way,
  bytes: number,
  entries: readonly Entry[],
  options: { rounds: number; sliceMs: number; progress: (text: string) => void },
): Promise<Question> {
  const progress = (text: string): void => options.progress(`${sizeName(bytes)} ${WAYS[way]}, ${text}`)
  const rates = await race(
    entries.map((entry) => entry.contend(way, bytes)),
    { ...options, progress },
  )
  const oursOf = (kind: Kind): Rates =>
    rates[entries.findIndex((entry) => entry.role === 'ours' && entry.kind === kind)]!
  const racers = rates.map((rate, index) => {
    const { role, kind } = entries[index]!
    return { ...rate, role, kind, forkserverIsFasterBy: ratio(oursOf(kind), rate) }
  })
  return { way, bytes, racers }
}

async function timeHandshakes(pythons: readonly Python[], samples: number): Promise<Handshake[]> {
  const timed: Handshake[] = [{ what: 'forkserver/connection, one thread', ...(await timeConnections(samples)) }]
  for (const python of pythons.filter(({ hasModernHandshake }) => hasModernHandshake))
    timed.push({ what: `CPython ${python.version}, two threads`, ...(await timePython(python, samples)) })
  return timed
}

function judge(questions: readonly Question[], [ours, ...theirs]: readonly Handshake[]): Bar[] {
  const bars: Bar[] = []
  const factor = ({ way, bytes, racers }: Question, role: Role, peer: string, limit: number): void => {
    const factors = racers.filter((racer) => racer.role === role).map((racer) => racer.forkserverIsFasterBy.median)
    if (factors.length === 0) return
    bars.push(atLeast(`${sizeName(bytes)} ${WAYS[way]}: against ${peer}`, Math.min(...factors), { unit: 'x', limit }))
  }
  for (const question of questions) {
    factor(question, 'cpython', 'CPython, bytes or values', 1)
    factor(question, 'ipc', "child_process, 'json' or 'advanced'", 1)
  }
  const largest = questions.find(({ way, bytes }) => way === 'oneWay' && bytes === SIZES.at(-1))!
  factor(largest, 'net', 'plain bytes over net.Socket', 0.8)
  if (theirs.length > 0) {
    const fastest = Math.min(...theirs.map(({ medianMs }) => medianMs))
    bars.push(atMost("one handshake: against CPython's, median", ours!.medianMs / fastest, { unit: 'x', limit: 2 }))
  }
  return bars
}

function megabytes({ median }: Spread, bytes: number): string {
  return short((median * bytes) / MB)
}

function tabulate(questions: readonly Question[], handshakes: readonly Handshake[]): TableData[] {
  return [
    ...questions.map(({ way, bytes, racers }) => ({
      title:
        `${sizeName(bytes)}, ${WAYS[way]}: ${way === 'oneWay' ? 'messages' : 'round trips'} per second, ` +
        'median (lowest - highest) of the rounds',
      head: ['', 'n', 'per second', 'MB/s', 'forkserver is faster by'],
      rows: racers.map(({ name, role, processes, perSecond, forkserverIsFasterBy }) => [
        name,
        String(processes),
        withSpread(perSecond),
        megabytes(perSecond, bytes),
        role === 'ours' ? '' : withSpread(forkserverIsFasterBy),
      ]),
    })),
    {
      title: 'One mutual handshake over a pipe, both ends in one process',
      head: ['', ...LATENCY_HEAD],
      rows: handshakes.map(({ what, ...latency }) => [what, ...latencyCells(latency)]),
    },
  ]
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  const skipped: Skipped[] = []
  const pythons = await startPythons(scope, await temporaryFolder(scope), skipped, 'cpython_connection')
  const entries = await lineUp(scope, pythons)
  const options = { rounds: settings.rounds, sliceMs: settings.sliceMs / SLICES_PER_RUN, progress }
  const questions: Question[] = []
  for (const bytes of SIZES)
    for (const way of ['roundTrips', 'oneWay'] as const) questions.push(await ask(way, bytes, entries, options))
  progress('handshakes')
  const handshakes = await timeHandshakes(pythons, settings.samples)
  return {
    results: { questions, handshakes },
    tables: tabulate(questions, handshakes),
    bars: judge(questions, handshakes),
    skipped,
    notes: [
      'Bytes are compared with bytes (sendBytes, send_bytes, net.Socket), JSON with JSON, and ' +
        "values with values (send, 'advanced', MessagePort). A goal holds for the lowest of its factors.",
      `One way, batches of ${SIZES.map((bytes) => `${batchOf(bytes)} x ${sizeName(bytes)}`).join(', ')} are ` +
        'acknowledged by one message.',
      'A thread shares the process, and plain bytes have no message boundaries. ' +
        'Both are only for comparison; of the two, only plain bytes have a goal.',
    ],
  }
}

export const connection: Benchmark = {
  name: 'connection',
  question: 'What does a message cost between two processes?',
  run,
}
