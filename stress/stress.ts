// Runs in: owner. `npm run stress`: forks thousands of children from idle, busy and large templates. Each does real
// work and ends in one of six ways. Counts every hang and every wrong exit. For a hang it records a backtrace; it never
// tries again.
import { spawnSync } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import { type Exit, ForkServer, Process, remote } from 'forkserver'
import { processorMs, workDone } from '#src/platform/process-state.js'
import { CELL_NAMES, type Cell, WAYS, type Way } from './jobs.js'

/**
 * A child hangs if it does no work for so long, or uses so much processor time, in milliseconds. The slowest cell takes
 * a hundredth of it. The clock on the wall alone says nothing: on a busy machine a child waits for a processor, too.
 */
const WATCHDOG_MS = 30_000
/**
 * If a child of a cell takes longer than this from start to join, in milliseconds, the cell is run with fewer children.
 */
const SLOW_MS = 30
const PROBE_FORKS = 40

interface Options {
  forks: number
  slowForks: number
  concurrency: number
  cells: Cell[]
  templates: Template[]
  ways: Way[]
  startTimeout: number
  json?: string
}

export interface CellResult {
  date: string
  node: string
  kernel: string
  libc: string
  template: Template
  cell: Cell
  forks: number
  hangs: number
  wrongExits: number
  wrong: string[]
  seconds: number
}

const jobs = remote<typeof import('./jobs.js')>(new URL('./jobs.js', import.meta.url))
/** The warm-up of each kind of template. */
const TEMPLATES = { idle: 'stayIdle', busy: 'makeBusy', large: 'makeLargeAndBusy' } as const
type Template = keyof typeof TEMPLATES
const TEMPLATE_NAMES = Object.keys(TEMPLATES) as Template[]
const WAY_NAMES = Object.keys(WAYS) as Way[]

/** Everything that can be seen of a hanging process: its threads, where each waits in the kernel, and its stacks. */
function backtrace(pid: number): string {
  try {
    const threads = readdirSync(`/proc/${pid}/task`).map((tid) => {
      const read = (file: string): string => readFileSync(`/proc/${pid}/task/${tid}/${file}`, 'utf8').trim()
      return (
        `${tid} ${read('comm')}, system call ${read('syscall').split(' ')[0]}, ` +
        `state ${/State:\s*(.*)/.exec(read('status'))?.[1]}`
      )
    })
    const gdb = spawnSync('gdb', ['-p', String(pid), '-batch', '-ex', 'thread apply all bt 30'], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    return [...threads, gdb.stdout, gdb.stderr].join('\n')
  } catch (error) {
    return `pid ${pid} cannot be looked at: ${(error as Error).message}`
  }
}

/** Waits for the end of a child. Returns why it hangs, if it does. */
async function joinOrHang(child: Process<typeof jobs.work>): Promise<Exit | Error> {
  for (let before = workDone(child.pid!); ; ) {
    try {
      return await child.join({ timeout: WATCHDOG_MS })
    } catch (error) {
      const work = workDone(child.pid!)
      if (work === before || (processorMs(child.pid!) ?? WATCHDOG_MS) >= WATCHDOG_MS) return error as Error
      before = work
    }
  }
}

/** Runs one child. Returns what went wrong, or undefined. */
async function runOne(
  server: ForkServer,
  cell: Cell,
  way: Way,
): Promise<{ isHang: boolean; text: string } | undefined> {
  const child = new Process(jobs.work, [cell, way], { server, stdio: 'ignore' })
  await child.start()
  const exit = await joinOrHang(child)
  if (exit instanceof Error) {
    const text = `${cell} ${way}: pid ${child.pid} hangs (${exit.message})\n${backtrace(child.pid!)}`
    child.kill()
    return { isHang: true, text }
  }
  const wanted = WAYS[way]
  if (exit.exitCode !== wanted.exitCode || exit.signal !== wanted.signal) {
    return { isHang: false, text: `${cell} ${way}: exit ${exit.exitCode}, signal ${exit.signal}` }
  }
  const answer = await child.result.catch((error: Error) => error)
  const isRight = way === 'return' || way === 'exitCode' ? answer === cell : answer instanceof Error
  const isOwn = way !== 'throw' || (answer instanceof RangeError && answer.message === 'as asked')
  return isRight && isOwn
    ? undefined
    : { isHang: false, text: `${cell} ${way}: ${answer instanceof Error ? answer.stack : answer}` }
}

async function runMany(
  server: ForkServer,
  cell: Cell,
  forks: number,
  { concurrency, ways }: Options,
  result: CellResult,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < forks) {
      const failure = await runOne(server, cell, ways[next++ % ways.length]!)
      result.forks++
      if (!failure) continue
      if (failure.isHang) result.hangs++
      else result.wrongExits++
      if (result.wrong.length < 20) result.wrong.push(failure.text)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
}

async function runCell(template: Template, cell: Cell, options: Options): Promise<CellResult> {
  const { forks, slowForks, concurrency } = options
  const header = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  const libc = `glibc ${header.header.glibcVersionRuntime}`
  const result: CellResult = {
    date: new Date().toISOString().slice(0, 10), node: process.version, kernel: os.release(), libc, template, cell,
    forks: 0, hangs: 0, wrongExits: 0, wrong: [], seconds: 0,
  } // biome-ignore format: a row
  await using server = await ForkServer.start({
    preload: [jobs.module],
    warmup: jobs[TEMPLATES[template]],
    startMethod: 'forkserver',
    startTimeout: options.startTimeout * 1000,
  })
  if (server.startMethod !== 'forkserver')
    throw new Error(`There is no fork to test: the start method is spawn (${server.spawnReason}).`)
  const start = performance.now()
  await runMany(server, cell, Math.min(PROBE_FORKS, forks), options, result)
  const isSlow = ((performance.now() - start) / result.forks) * concurrency > SLOW_MS
  const rest = (isSlow ? Math.min(slowForks, forks) : forks) - result.forks
  await runMany(server, cell, Math.max(0, rest), options, result)
  result.seconds = Math.round(performance.now() - start) / 1000
  return result
}

function show(results: readonly CellResult[]): string {
  const table = new Table({
    head: ['node', 'template', 'cell', 'forks', 'hangs', 'wrong exits', 'forks/s'],
    style: { head: [], border: [] },
  })
  for (const { node, template, cell, forks, hangs, wrongExits, seconds } of results) {
    table.push([node, template, cell, forks, hangs, wrongExits, (forks / seconds).toFixed(0)])
  }
  return table.toString()
}

const count = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be an integer of at least 1.')
  return value
}

const listOf =
  <T extends string>(known: readonly T[]) =>
  (text: string): T[] => {
    const names = text.split(',') as T[]
    for (const name of names)
      if (!known.includes(name)) throw new InvalidArgumentError(`'${name}' is none of ${known.join(', ')}.`)
    return names
  }

async function main(): Promise<void> {
  const program = new Command('stress')
    .description('Forks by the thousand, and counts hangs and wrong exits.')
    .option('--forks <n>', 'children per cell', count, 300)
    .option('--slow-forks <n>', `children per cell if one takes over ${SLOW_MS} ms`, count, 2_000)
    .option('--concurrency <n>', 'children at a time', count, 2)
    .option('--cells <names>', `some of ${CELL_NAMES.join(',')}`, listOf(CELL_NAMES), CELL_NAMES)
    .option('--templates <names>', `some of ${TEMPLATE_NAMES.join(',')}`, listOf(TEMPLATE_NAMES), TEMPLATE_NAMES)
    .option('--ways <names>', `some of ${WAY_NAMES.join(',')}`, listOf(WAY_NAMES), WAY_NAMES)
    .option('--start-timeout <seconds>', 'time limit for the start of a template', count, 60)
    .option('--json <file>', 'append each result to this file, one line each; - prints it')
    .parse()
  const options = program.opts<Options>()
  const results: CellResult[] = []
  for (const template of options.templates) {
    for (const cell of options.cells) {
      const result = await runCell(template, cell, options)
      results.push(result)
      console.log(
        `${result.node} ${template} ${cell}: ${result.forks} forks, ` +
          `${result.hangs} hangs, ${result.wrongExits} wrong exits, ${result.seconds} s`,
      )
      for (const text of result.wrong) console.log(text)
      if (options.json === '-') console.log(JSON.stringify(result))
      else if (options.json) appendFileSync(options.json, `${JSON.stringify(result)}\n`)
    }
  }
  console.log(show(results))
  process.exitCode = results.some(({ hangs, wrongExits }) => hangs + wrongExits > 0) ? 1 : 0
}

await main()
