// Runs in: a tool process. Runs Node's own test files by plain node. If a test passes, runs it as the main program of a
// forked child, too, and compares: npm run conformance -- --node-tests FOLDER [--get]
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { ForkServer } from 'forkserver'
import { killStrays, type Mode, runTest, type Site } from './execute.js'
import { getNodeTests } from './get.js'
import { readResults, type TestResult } from './results.js'
import { summaryOf } from './table.js'
import { findRoot, listTests, type NodeTest, startsProcesses } from './tests.js'

/** How often a test that failed in a child is repeated, by plain node too, to find out whether it fails every time. */
const REPEATS = 2

interface Options {
  nodeTests: string
  get?: true
  filter: string
  suites: string[]
  jobs: number
  share: number
  timeout: number
  json?: string
  resume?: true
  dropIn?: true
}

const count = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be an integer of at least 1.')
  return value
}

/** The templates: one for each set of flags. It lives from the first test that needs it to the last. */
class Templates {
  readonly #servers = new Map<string, Promise<ForkServer | string>>()
  readonly #left = new Map<string, number>()
  readonly #env: Record<string, string>
  readonly #transport: 'private' | 'path'
  readonly pids = new Set<number>()

  constructor(tests: readonly NodeTest[], env: Record<string, string>, mode: Mode) {
    this.#env = env
    this.#transport = mode === 'program' ? 'private' : 'path'
    for (const test of tests) this.#left.set(keyOf(test), (this.#left.get(keyOf(test)) ?? 0) + 1)
  }

  /** The server for a test, or the reason why there is none. */
  get(test: NodeTest): Promise<ForkServer | string> {
    const key = keyOf(test)
    let server = this.#servers.get(key)
    if (!server) this.#servers.set(key, (server = this.#start(test)))
    return server
  }

  async #start({ flags }: NodeTest): Promise<ForkServer | string> {
    try {
      const server = await ForkServer.start({ execArgv: flags, env: this.#env, transport: this.#transport })
      if (server.pid) this.pids.add(server.pid)
      return server
    } catch (error) {
      if (hasCode(error)) return `${error.code}: ${error.message.replace(/\(pid \d+\) /, '')}`
      throw error
    }
  }

  /** Tells that one test no longer needs its server. */
  async done(test: NodeTest): Promise<void> {
    const key = keyOf(test)
    const left = this.#left.get(key)! - 1
    this.#left.set(key, left)
    const server = await this.#servers.get(key)
    if (left === 0 && server instanceof ForkServer) await server.close({ children: 'kill' })
  }
}

const hasCode = (error: unknown): error is Error & { code: string } => error instanceof Error && 'code' in error
const keyOf = ({ flags }: NodeTest): string => JSON.stringify(flags)

type Found = Pick<TestResult, 'verdict' | 'how' | 'said'>

async function judge(test: NodeTest, site: Site, lane: number, templates: Templates, mode: Mode): Promise<Found> {
  const plain = await runTest(test, site, lane)
  if (!plain.passed) return { verdict: 'plain fails', how: plain.how }
  const server = await templates.get(test)
  if (typeof server === 'string') return { verdict: 'not applicable', how: server }
  const first = await runTest(test, site, lane, server, mode)
  if (first.passed) return { verdict: 'passes' }
  let failures = 0
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const again = await runTest(test, site, lane)
    if (!again.passed) return { verdict: 'plain fails', how: `${again.how}, once of ${repeat + 2} runs` }
    if (!(await runTest(test, site, lane, server, mode)).passed) failures++
  }
  return { verdict: failures > 0 ? 'fails' : 'unsteady', how: first.how, said: first.said }
}

function versionOf(root: string): string {
  const header = path.join(root, 'src', 'node_version.h')
  const folder = /v?(\d+\.\d+\.\d+)/.exec(path.basename(root))?.[1]
  if (!existsSync(header)) return folder ? `v${folder}` : 'unknown'
  const text = readFileSync(header, 'utf8')
  const part = (name: string): string => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1] ?? '?'
  return `v${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`
}

function doneBefore(file: string | undefined): (test: NodeTest) => boolean {
  if (!file || !existsSync(file)) return () => false
  const names = readResults([file]).filter(({ node }) => node === process.version)
  const done = new Set(names.map(({ name }) => name))
  return ({ name }) => done.has(name)
}

async function main(): Promise<void> {
  const options = new Command('conformance')
    .description("Runs Node's own tests by plain node and in forked children, and compares.")
    .requiredOption('--node-tests <folder>', "Node's source, or a folder that holds its folder test")
    .option('--get', 'download the test files of this major version of Node into that folder first')
    .option('--filter <word>', 'only tests whose name contains the word', '')
    .option('--suites <names>', 'folders of test, separated by commas', (text) => text.split(','), ['parallel'])
    .option('--jobs <n>', 'tests at a time', count, 2)
    .option('--share <n>', 'only every n-th test', count, 1)
    .option('--timeout <seconds>', 'time limit of a test: if it takes longer, it counts as hanging', count, 60)
    .option('--json <file>', 'append each result to this file, one line each')
    .option('--drop-in', 'run each test by plain node, and only the processes that it starts from a template')
    .option('--resume', 'skip the tests that have a result in the --json file')
    .parse()
    .opts<Options>()
  if (options.get) getNodeTests(options.nodeTests, process.versions.node.split('.')[0]!)
  const root = findRoot(options.nodeTests)
  if (!root) throw new Error(`${options.nodeTests} has no folder 'test' of Node. Add --get to download it.`)
  const json = options.json && path.resolve(options.json)
  const isDone = doneBefore(options.resume && json)
  const mode: Mode = options.dropIn ? 'drop-in' : 'program'
  const tests = listTests(root, options.suites, options.filter).filter(
    (test, index) => (mode === 'program' || startsProcesses(test)) && index % options.share === 0 && !isDone(test),
  )
  process.chdir(root) // flags name files relative to it
  const mark = `CONFORMANCE_RUN=${randomUUID()}`
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...given } = process.env as Record<string, string>
  const env = { ...given, [mark.split('=')[0]!]: mark.split('=')[1]! }
  const site: Site = { root, timeoutMs: options.timeout * 1000, env }
  const templates = new Templates(tests, given, mode)
  const common = { node: process.version, tests: versionOf(root), date: new Date().toISOString().slice(0, 10) }
  const results: TestResult[] = []
  // Tests with the same flags run one after another, so that few templates live at a time.
  const queue = [...tests].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0))
  const lane = async (number: number): Promise<void> => {
    for (let test: NodeTest | undefined; (test = queue.shift()); ) {
      const result: TestResult = { ...common, name: test.name, ...(await judge(test, site, number, templates, mode)) }
      await templates.done(test)
      results.push(result)
      if (json) appendFileSync(json, `${JSON.stringify(result)}\n`)
      if (result.verdict !== 'passes')
        console.log(`${results.length}/${tests.length} ${test.name}: ${result.verdict}, ${result.how}`)
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, (_, index) => lane(index + 1)))
  killStrays(mark, templates.pids)
  console.log(summaryOf(results))
  process.exitCode = results.some(({ verdict }) => verdict === 'fails' || verdict === 'unsteady') ? 1 : 0
}

await main()
