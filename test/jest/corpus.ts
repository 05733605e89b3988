// Runs in: the test runner. Installs jest and the corpus of test files into a folder of their own, and runs jest there,
// in its own workers or in forked processes.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'

/** A test file, and its new text. */
interface Change {
  name: string
  code: string
}

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const SOURCE = path.join(ROOT, 'test', 'fixtures', 'jest')
const INSTALL_LIMIT_MS = 480_000
const RUN_LIMIT_MS = 480_000

/** Who runs the test files: a runner, or what the configuration says. */
export type RunnerName = 'jest-runner' | 'forkserver/jest' | 'configuration'

/** What a run left, without times, and without the order of what happens at the same time. */
export interface RunResult {
  code: number | null
  /** What it printed, in the order of the alphabet. */
  output: string[]
  /** What jest's option --json says of each file. */
  files: unknown[]
  /** The content of each file that it wrote, by its path. */
  written: Record<string, string>
}

/** The installed corpus. */
export class Corpus {
  #others = new Map<string, string>()
  readonly folder = path.join(realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-jest-'))), 'corpus')

  async install(): Promise<void> {
    cpSync(path.join(SOURCE, 'corpus'), this.folder, { recursive: true })
    for (const name of ['package.json', 'package-lock.json'])
      cpSync(path.join(SOURCE, name), path.join(this.folder, name))
    const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--silent']
    const options = { cwd: this.folder, timeout: INSTALL_LIMIT_MS, killSignal: 'SIGKILL' } as const
    await promisify(execFile)('npm', args, options)
    cpSync(path.join(this.folder, 'packages'), path.join(this.folder, 'node_modules'), { recursive: true })
    rmSync(path.join(this.folder, 'packages'), { recursive: true })
    symlinkSync(ROOT, path.join(this.folder, 'node_modules', 'forkserver'))
  }

  /** Has these test files besides those of the corpus, by their names. */
  add(files: Record<string, string>): void {
    this.#others = new Map(Object.entries(files))
    this.#copyTests()
  }

  /**
   * Runs jest. What it writes is gone afterwards; what it learns stays.
   *
   * @param env what the environment has besides
   * @param hasReport with --json, which jest itself cannot write if a failed test has compared a BigInt
   */
  async run(
    runner: RunnerName,
    flags: readonly string[],
    env: NodeJS.ProcessEnv = {},
    hasReport = true,
  ): Promise<RunResult> {
    const report = path.join(this.folder, 'report.json')
    const jest = path.join(this.folder, 'node_modules', 'jest', 'bin', 'jest.js')
    const named = runner === 'configuration' ? [] : ['--runner', runner]
    const json = hasReport ? ['--json', '--outputFile', report] : []
    const args = [jest, ...named, ...json, '--maxWorkers=2', ...flags]
    const child = spawn(process.execPath, args, {
      cwd: this.folder,
      env: { ...process.env, NODE_ENV: undefined, CI: '', FORCE_COLOR: '0', CORPUS: 'here', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS)
    const [code] = (await once(child, 'close')) as [number | null]
    clearTimeout(timer)
    const files = hasReport ? filesOf(report) : []
    rmSync(report, { force: true })
    return { code, output: masked(`${stdout}\n${stderr}`), files, written: this.#takeWritten() }
  }

  /**
   * Runs jest with --watchAll, in a terminal. When it has run all, this test file gets that text; and when it has run
   * all again, somebody presses q. Returns the exit code and what the terminal showed.
   */
  async watch(
    runner: RunnerName,
    flags: readonly string[],
    change: Change,
  ): Promise<{ code: number | null; output: string[] }> {
    const jest = path.join(this.folder, 'node_modules', 'jest', 'bin', 'jest.js')
    const command = [process.execPath, jest, '--runner', runner, '--watchAll', '--maxWorkers=2', ...flags]
    const terminal = spawn('script', ['-qec', command.map((word) => `'${word}'`).join(' '), '/dev/null'], {
      cwd: this.folder,
      env: { ...process.env, NODE_ENV: undefined, CI: undefined, FORCE_COLOR: '0', TERM: 'dumb' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let shown = ''
    let runs = 0
    terminal.stdout.on('data', (chunk: Buffer) => {
      shown += chunk
      // jest is ready for keys and for changes when it has written the empty line.
      const now = shown.match(/Ran all test suites.*\r\n\r\n/g)?.length ?? 0
      if (now === runs) return
      runs = now
      if (runs === 1) this.#change(change)
      else terminal.stdin.write('q')
    })
    const timer = setTimeout(() => terminal.kill('SIGKILL'), RUN_LIMIT_MS)
    const [code] = (await once(terminal, 'close')) as [number | null]
    clearTimeout(timer)
    this.#copyTests()
    return { code, output: masked(stripVTControlCharacters(shown).replaceAll('\r', '')) }
  }

  /** At once: a watcher must not see an empty file. */
  #change({ name, code }: Change): void {
    const beside = `${this.folder}.${name}` // which the watcher does not see
    writeFileSync(beside, code)
    renameSync(beside, path.join(this.folder, '__tests__', name))
  }

  /** What a run has written, which the next one must not find. */
  #takeWritten(): Record<string, string> {
    const names = readdirSync(path.join(this.folder, '__tests__'), { recursive: true, encoding: 'utf8' })
    const written: Record<string, string> = {}
    for (const name of names.sort().filter((file) => /\.(js|snap)$/.test(file)))
      written[name] = readFileSync(path.join(this.folder, '__tests__', name), 'utf8')
    const coverage = path.join(this.folder, 'coverage', 'coverage-final.json')
    if (existsSync(coverage)) written.coverage = readFileSync(coverage, 'utf8')
    rmSync(path.join(this.folder, 'coverage'), { recursive: true, force: true })
    this.#copyTests()
    return written
  }

  #copyTests(): void {
    rmSync(path.join(this.folder, '__tests__'), { recursive: true, force: true })
    cpSync(path.join(SOURCE, 'corpus', '__tests__'), path.join(this.folder, '__tests__'), { recursive: true })
    for (const [name, code] of this.#others) writeFileSync(path.join(this.folder, '__tests__', name), code)
  }

  /** Forgets what was learnt. */
  forget(): void {
    rmSync(path.join(this.folder, 'node_modules', '.cache'), { recursive: true, force: true })
  }

  remove(): void {
    rmSync(path.dirname(this.folder), { recursive: true, force: true })
  }
}

/** Keys whose values are times. */
const TIMES = new Set(['duration', 'endTime', 'startTime', 'startAt', 'end', 'start', 'runtime', 'perfStats'])

function filesOf(report: string): unknown[] {
  const json = readFileSync(report, 'utf8')
  const { testResults } = JSON.parse(json, (key, value: unknown) =>
    TIMES.has(key) ? 'TIME' : typeof value === 'string' ? withoutFrames(value) : value,
  ) as {
    testResults: { name: string }[]
  }
  return testResults.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The stack of a failed test goes on in jest itself, and in a run of one file in another file of jest. */
const withoutFrames = (text: string): string =>
  text.replace(/\n +at [^\n]*(?:\/jest-(?:circus|runner)\/|node:internal\/)[^\n]*/g, '')

/** Lines with times; and that a worker of jest had to be killed, because a test left a timer behind. */
function masked(text: string): string[] {
  const lines = text
    .split('\n')
    .filter(
      (line) =>
        line !== '' && !/^Time: |^Ran all|outputFile|^Test results|^A worker process has failed to exit/.test(line),
    )
  return lines.map((line) => line.replace(/ \(\d+(?:\.\d+)? m?s\)/g, '').trimEnd()).sort()
}
