// Runs in: the test runner. Installs vitest and the corpus of test files into a folder of their own, and runs vitest
// there, in its own processes or in forked ones.
import { execFile, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const SOURCE = path.join(ROOT, 'test', 'fixtures', 'vitest')
const INSTALL_LIMIT_MS = 480_000
const RUN_LIMIT_MS = 480_000

/** Why vitest cannot run on this Node, or false. */
export const noVitest = ((): string | false => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major < 22 || (major === 22 && minor < 12) ? 'vitest 5 needs Node 22.12' : false
})()

/** The pools that are compared. */
export type PoolName = 'forks' | 'forkserver'

/** What to run. */
export interface Run {
  /** The folder of the corpus. */
  folder: string
  pool: PoolName
  flags?: readonly string[]
  env?: NodeJS.ProcessEnv
}

/** What a run left, without times, and without the order of what happens at the same time. */
export interface RunResult {
  code: number | null
  stdout: string[]
  stderr: string[]
  /** The content of each file in the folder, by its path. */
  files: Record<string, string>
}

/** The installed corpus. */
export class Corpus {
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-vitest-'))

  /** Installs vitest. */
  async install(): Promise<void> {
    for (const name of ['package.json', 'package-lock.json'])
      cpSync(path.join(SOURCE, name), path.join(this.#folder, name))
    const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--silent']
    await promisify(execFile)('npm', args, { cwd: this.#folder, timeout: INSTALL_LIMIT_MS, killSignal: 'SIGKILL' })
    symlinkSync(ROOT, path.join(this.#folder, 'node_modules', 'forkserver'))
  }

  /** Runs vitest in a fresh copy of a folder. The copy has the same path each time. */
  async run({ folder, pool, flags = [], env = {} }: Run): Promise<RunResult> {
    const cwd = this.copy(folder)
    const child = this.start({ folder, pool, flags: ['run', ...flags], env })
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name]!.on('data', (chunk: Buffer) => {
        output[name] += chunk
      })
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS)
    const [code] = (await once(child, 'close')) as [number | null]
    clearTimeout(timer)
    return { code, stdout: masked(output.stdout), stderr: masked(output.stderr), files: filesIn(cwd) }
  }

  /** Copies a folder of the corpus, in place of the copy before. Returns where the copy is. */
  copy(folder: string): string {
    const copy = path.join(this.#folder, 'corpus')
    rmSync(copy, { recursive: true, force: true })
    cpSync(path.join(SOURCE, 'corpus'), copy, { recursive: true })
    return path.join(copy, folder)
  }

  /** Starts vitest in the copy. */
  start({ folder, pool, flags = [], env = {} }: Run, options: SpawnOptions = {}): ReturnType<typeof spawn> {
    return spawn(
      process.execPath,
      [path.join(this.#folder, 'node_modules', 'vitest', 'vitest.mjs'), ...flags, SLOW_TEST_FLAG],
      {
        cwd: path.join(this.#folder, 'corpus', folder),
        env: { ...process.env, CI: '', NO_COLOR: '1', CORPUS_POOL: pool, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...options,
      },
    )
  }

  /** What the last run has learnt, of all templates. */
  learnt(): { modules: string[]; struck: Record<string, string> } {
    const folder = path.join(this.#folder, 'node_modules', '.cache', 'forkserver')
    const lists = readdirSync(folder).map(
      (name) =>
        JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as {
          modules: string[]
          struck: Record<string, string>
        },
    )
    return {
      modules: lists.flatMap(({ modules }) => modules),
      struck: Object.assign({}, ...lists.map(({ struck }) => struck)) as Record<string, string>,
    }
  }

  /** Forgets what was learnt. */
  forget(): void {
    rmSync(path.join(this.#folder, 'node_modules', '.cache'), { recursive: true, force: true })
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** vitest prints a line for each test that is slower than this, in milliseconds: under load that would be any. */
const SLOW_TEST_FLAG = '--slowTestThreshold=60000'

/** Lines of what vitest prints that differ from run to run, or that only say which pool has run it. */
const CHANGING =
  /^\s*(?:Start at|Duration|Isolate|at least) |^ ❯ .*(?:node:|vitest\/dist\/|forkserver\/|dist\/vitest\/)/

/** The lines of an output in the order of the alphabet. */
export function masked(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !CHANGING.test(line))
    .map((line) =>
      line
        .replace(/\b\d+(?:\.\d+)?m?s\b/g, 'TIME')
        .replace('Worker forkserver emitted', 'Worker forks emitted')
        .replace(/0x[0-9a-f]+/g, 'ADDRESS')
        .replace(/ws:\/\/\S+/, 'ADDRESS'),
    )
    .sort()
}

function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name)))
    .filter((name) => !name.startsWith('node_modules'))
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]))
}
