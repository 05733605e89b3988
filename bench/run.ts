// Runs in: owner. `npm run bench -- <name>`: reads the command line, runs one benchmark and prints its results.
import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { authentication } from './authentication.js'
import { bullmq } from './bullmq.js'
import { connection } from './connection.js'
import { dropIn } from './drop-in.js'
import { faults } from './faults.js'
import { jest } from './jest.js'
import { latency } from './latency.js'
import { describeMachine } from './machine.js'
import { memory } from './memory.js'
import { pool } from './pool.js'
import { processCreation } from './process-creation.js'
import { processTable } from './process-table.js'
import { type Benchmark, format, type Report } from './report.js'
import { scaling } from './scaling.js'
import { FULL, QUICK, type Settings } from './settings.js'
import { vitest } from './vitest.js'
import { workloads } from './workloads.js'

const BENCHMARKS: readonly Benchmark[] = [
  processCreation,
  processTable,
  latency,
  scaling,
  faults,
  memory,
  authentication,
  workloads,
  pool,
  connection,
  vitest,
  jest,
  bullmq,
  dropIn,
]
const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url))
const USAGE_EXIT = 2

interface Options extends Partial<Settings> {
  json?: boolean
  quick?: boolean
  save?: boolean
}

const count = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be an integer of at least 1.')
  return value
}

function parse(): { name: string | undefined; options: Options } {
  const program = new Command('bench')
    .description('Measures forkserver against its peers.')
    .argument('[name]', `one of ${BENCHMARKS.map(({ name }) => name).join(', ')}`)
    .option('--json', 'print one JSON document, and nothing else')
    .option('--quick', 'measure little: to try it, not to conclude from')
    .option('--save', 'write the JSON document to bench/results, too')
    .option('--rounds <n>', 'rounds of a race', count)
    .option('--slice-ms <n>', "a contender's time in each round", count)
    .option('--samples <n>', 'latencies for each figure', count)
    .option('--forks <n>', 'forks over which the template must not grow', count)
    .option('--iterations <n>', 'iterations of a table', count)
    .option('--live <n>', 'the most children alive at a time', count)
    .option('--objects <n>', 'the most megabytes of objects in a template', count)
    .option('--files <n>', 'test files of a project', count)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_EXIT))
    .parse()
  return { name: program.args[0], options: program.opts<Options>() }
}

function settingsOf(options: Options): Settings {
  const defaults = options.quick ? QUICK : FULL
  const given = (Object.keys(defaults) as (keyof Settings)[]).map((name) => [name, options[name] ?? defaults[name]])
  return Object.fromEntries(given) as Settings
}

function save(report: Report): void {
  mkdirSync(RESULTS, { recursive: true })
  const major = Number.parseInt(process.versions.node, 10)
  writeFileSync(path.join(RESULTS, `${report.benchmark}-node${major}.json`), `${JSON.stringify(report, null, 2)}\n`)
}

async function main(): Promise<void> {
  const { name, options } = parse()
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name)
  if (!benchmark) {
    const list = BENCHMARKS.map((known) => `  ${known.name.padEnd(18)}${known.question}`).join('\n')
    console.error(`${name === undefined ? 'Which benchmark?' : `There is no benchmark '${name}'.`} These are:\n${list}`)
    process.exitCode = USAGE_EXIT
    return
  }
  // Exiting ends everything: children and competitors notice that their owner is gone.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(128 + os.constants.signals[signal]))
  const machine = describeMachine() // before the run, so that the load average is not our own
  const settings = settingsOf(options)
  const progress = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  }
  const { tables, ...found } = await benchmark.run(settings, progress)
  progress('')
  const report: Report = { benchmark: benchmark.name, question: benchmark.question, machine, settings, ...found }
  if (options.save) save(report)
  console.log(options.json ? JSON.stringify(report, null, 2) : format(report, tables))
}

await main()
