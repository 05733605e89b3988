// Runs in: owner. `npm run bench -- drop-in`: what nobody has to change a line for. fork() to the first message, by
// Node and by forkserver/child_process; and whole runs of Node's test runner, as it is and with forkserver/register.
import childProcess, { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { promisify } from 'node:util'
import { close, fork, ready } from 'forkserver/child_process'
import { SOURCES, temporaryFolder } from './peers.js'
import {
  atLeast,
  atMost,
  type Benchmark,
  type Finding,
  LATENCY_HEAD,
  latencyCells,
  short,
  withSpread,
} from './report.js'
import { Scope, within } from './scope.js'
import type { Settings } from './settings.js'
import { type Latency, latencyOf, median, spreadOf } from './statistics.js'

const SPEAKS = path.join(SOURCES, 'speaks.cjs')
const { resolve } = createRequire(import.meta.url)
const REGISTER = resolve('forkserver/register')
const CHILD_LIMIT_MS = 30_000
const RUN_LIMIT_MS = 300_000

/** How the files are run: by Node as it is; with register for the first time, and the next time. */
const WAYS = ['node', 'cold', 'learnt'] as const
type Way = (typeof WAYS)[number]

interface Message extends Latency {
  name: string
}

interface Row {
  way: Way
  /** Of each round, in milliseconds. */
  ms: number[]
  /** Node's own time of the same round, divided by this one; the median. */
  timesFaster: number
}

/** The time from the call of fork() to the first message, in milliseconds. Returns when the process has ended. */
async function firstMessage(start: (file: string) => ChildProcess): Promise<number> {
  const before = performance.now()
  const child = start(SPEAKS)
  const ended = once(child, 'close')
  await within(CHILD_LIMIT_MS, 'A message', once(child, 'message'))
  const took = performance.now() - before
  await within(CHILD_LIMIT_MS, 'A process', ended)
  return took
}

async function messages(samples: number): Promise<Message[]> {
  const refused = await ready()
  if (refused !== undefined) throw new Error(`There is nothing to measure without a template: ${refused}.`)
  const starters = { 'forkserver/child_process': fork, 'node:child_process': childProcess.fork } as const
  const taken = new Map<string, number[]>(Object.keys(starters).map((name) => [name, []]))
  try {
    for (let sample = 0; sample < samples; sample++)
      for (const [name, start] of Object.entries(starters)) taken.get(name)!.push(await firstMessage(start))
  } finally {
    await close()
  }
  return [...taken].map(([name, ms]) => ({ name, ...latencyOf(ms) }))
}

const testOf = (number: number): string => `
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ts from 'typescript'

test('transpiles ${number}', () => assert.match(ts.transpile('const n: number = ${number}'), /n = ${number}/))
`

/** A project with so many test files, and the package that they import. */
function makeProject(folder: string, files: number): void {
  writeFileSync(path.join(folder, 'package-lock.json'), '{}')
  const installed = path.dirname(resolve('typescript/package.json'))
  for (const name of ['package.json', 'lib/typescript.js']) {
    const file = path.join(folder, 'node_modules', 'typescript', name)
    mkdirSync(path.dirname(file), { recursive: true })
    cpSync(path.join(installed, name), file)
  }
  for (let number = 1; number <= files; number++)
    writeFileSync(path.join(folder, `t${number}.test.mjs`), testOf(number))
}

/** Runs all files. Returns how many milliseconds that took. */
async function runTests(folder: string, way: Way): Promise<number> {
  if (way === 'cold') rmSync(path.join(folder, 'node_modules', '.cache'), { recursive: true, force: true })
  const flags = way === 'node' ? [] : ['--require', REGISTER]
  const before = performance.now()
  await promisify(execFile)(process.execPath, [...flags, '--test'], {
    cwd: folder,
    timeout: RUN_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  return performance.now() - before
}

async function runAll(folder: string, rounds: number, progress: (text: string) => void): Promise<Row[]> {
  const took = new Map<Way, number[]>(WAYS.map((way) => [way, []]))
  // Not measured: the files come into the system's cache.
  for (const way of WAYS) await runTests(folder, way)
  for (let round = 1; round <= rounds; round++) {
    progress(`node --test: round ${round} of ${rounds}`)
    for (const way of WAYS) took.get(way)!.push(await runTests(folder, way)) // `learnt` comes after `cold`
  }
  const own = took.get('node')!
  return WAYS.map((way) => {
    const ms = took.get(way)!
    return { way, ms, timesFaster: median(ms.map((one, round) => own[round]! / one)) }
  })
}

async function run({ samples, rounds, files }: Settings, progress: (text: string) => void): Promise<Finding> {
  await using scope = new Scope()
  progress('fork()')
  const forks = await messages(samples)
  const folder = await temporaryFolder(scope)
  makeProject(folder, files)
  const rows = await runAll(folder, rounds, progress)
  const of = (way: Way): number => rows.find((row) => row.way === way)!.timesFaster
  return {
    results: { forks, rows },
    tables: [
      {
        title: 'fork() to the first message, one at a time',
        head: ['', ...LATENCY_HEAD],
        rows: forks.map((one) => [one.name, ...latencyCells(one)]),
      },
      {
        title: `node --test with ${files} test files that import typescript, in seconds: median (lowest - highest)`,
        head: ['', 'n', 'seconds', 'times faster'],
        rows: rows.map(({ way, ms, timesFaster }) => [
          way,
          String(ms.length),
          withSpread(spreadOf(ms.map((one) => one / 1_000))),
          short(timesFaster),
        ]),
      },
    ],
    bars: [
      atMost('fork() to the first message, median', forks[0]!.medianMs, { unit: 'ms', limit: 6 }),
      atLeast('node --test that has learnt, against Node', of('learnt'), { unit: 'x', limit: 4 }),
      atLeast('node --test for the first time, against Node', of('cold'), { unit: 'x', limit: 1 }),
    ],
    skipped: [],
    notes: [
      'The ways take turns. node: as it is. cold: with forkserver/register for the first time. learnt: the next time.',
    ],
  }
}

export const dropIn: Benchmark = {
  name: 'drop-in',
  question: 'How long does fork() take to the first message, and node --test for all its files?',
  run,
}
