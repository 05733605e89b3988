// Runs in: owner. `npm run bench -- authentication`: what the handshake costs, alone and as a part of starting
// processes.
import { ForkServer } from 'forkserver'
import { startServer } from './children.js'
import { timeComputation, timeConnect, timeOverSocket, timePython } from './handshake.js'
import {
  forkServerContender,
  type Python,
  pythonContender,
  runOverNewConnection,
  startPythons,
  type Target,
  temporaryFolder,
} from './peers.js'
import { type Contender, lanes, type Rates, race, ratio } from './race.js'
import {
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

/**
 * The number of processes over one connection in "normal use". It is a low number: a connection lives as long as its
 * owner.
 */
const NORMAL_USE = 100

interface Timed extends Latency {
  what: string
}

interface Share {
  /** Time for one process in milliseconds, if two lanes start processes one after another. */
  processMs: number
  handshakeMs: number
  /** The handshake's share of the time in percent, if each process has a connection of its own, and in normal use. */
  eachPercent: number
  normalPercent: number
  normalProcesses: number
}

async function timeHandshakes(target: Target, pythons: readonly Python[], samples: number): Promise<Timed[]> {
  const timed: Timed[] = [
    { what: 'computation of both sides', ...(await timeComputation(samples)) },
    { what: 'dial and handshake with the template', ...(await timeOverSocket(target, samples)) },
    { what: 'ForkServer.connect()', ...(await timeConnect(target, samples)) },
  ]
  for (const python of pythons)
    timed.push({ what: `CPython ${python.version}, two threads`, ...(await timePython(python, samples)) })
  return timed
}

async function lineUp(scope: Scope, own: ForkServer, target: Target, pythons: readonly Python[]): Promise<Contender[]> {
  const connected = scope.use(await ForkServer.connect({ path: target.path }, target.key))
  return [
    forkServerContender('one connection for all', connected),
    { name: 'a new connection for each', race: (ms) => lanes(ms, () => runOverNewConnection(target)) },
    forkServerContender('the connection of the starter', own),
    ...pythons.filter(({ authenticates }) => authenticates).map(pythonContender),
  ]
}

function shareOf(handshakeMs: number, rates: Rates): Share {
  const processMs = 2000 / rates.perSecond.median
  const percent = (processes: number): number => (handshakeMs / (handshakeMs + processes * processMs)) * 100
  return {
    processMs,
    handshakeMs,
    eachPercent: percent(1),
    normalPercent: percent(NORMAL_USE),
    normalProcesses: NORMAL_USE,
  }
}

function tabulate(timed: readonly Timed[], rates: readonly Rates[], share: Share): TableData[] {
  const [one] = rates
  return [
    {
      title: 'One mutual handshake',
      head: ['', ...LATENCY_HEAD],
      rows: timed.map(({ what, ...latency }) => [what, ...latencyCells(latency)]),
    },
    {
      title: 'Processes per second, start to join, two at a time: median (lowest - highest) of the rounds',
      head: ['', 'n', 'per second', 'times the first'],
      rows: rates.map((rate) => [
        rate.name,
        String(rate.processes),
        withSpread(rate.perSecond),
        rate === one ? '' : withSpread(ratio(rate, one!)),
      ]),
    },
    {
      title: 'The part of the handshake in starting and joining processes',
      head: ['connections', 'percent'],
      rows: [
        ['one for each process', short(share.eachPercent)],
        [`one for ${NORMAL_USE} processes`, short(share.normalPercent)],
      ],
    },
  ]
}

function judge(timed: readonly Timed[], share: Share): Bar[] {
  return [
    atMost('one handshake, computation of both sides, median', timed[0]!.medianMs, { unit: 'ms', limit: 0.2 }),
    atMost('one handshake with the template, dial included, median', timed[1]!.medianMs, { unit: 'ms', limit: 0.2 }),
    atMost(`its part with one connection for ${NORMAL_USE} processes`, share.normalPercent, { unit: '%', limit: 1 }),
  ]
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  const skipped: Skipped[] = []
  await using scope = new Scope()
  const own = await startServer(scope, 'path')
  if (!own.address || !('path' in own.address)) throw new Error('A server with the transport path has no path.')
  const target: Target = { path: own.address.path, key: own.key!.export() }
  const all = await startPythons(scope, await temporaryFolder(scope), skipped)
  for (const { version } of all.filter(({ hasModernHandshake }) => !hasModernHandshake)) {
    skipped.push({
      what: `CPython ${version}`,
      why: 'its handshake is the older one, HMAC-MD5; 3.12 is the first with ours',
    })
  }
  const pythons = all.filter(({ hasModernHandshake }) => hasModernHandshake)
  progress('handshakes')
  const timed = await timeHandshakes(target, pythons, settings.samples)
  const rates = await race(await lineUp(scope, own, target, pythons), { ...settings, progress })
  const share = shareOf(timed[1]!.medianMs, rates[0]!)
  const newAgainstOne: Spread = ratio(rates[1]!, rates[0]!)
  return {
    results: { handshakes: timed, rates, newAgainstOne, share },
    tables: tabulate(timed, rates, share),
    bars: judge(timed, share),
    skipped,
    notes: [
      'An owner connects once, however many processes it starts. ' +
        '"A new connection for each" is ForkServer.connect(), Process, close().',
      'The percentage is the time of the handshake (connecting included), divided by the sum of ' +
        'that time and the time of the processes, which run one after another.',
    ],
  }
}

export const authentication: Benchmark = {
  name: 'authentication',
  question: 'What does the handshake of the control socket cost?',
  run,
}
