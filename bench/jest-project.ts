// Runs in: owner. Projects with many test files for jest, in a folder of their own.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const LIMIT_MS = 300_000
const WORKERS = 2

/** jest's flags for each way to run the files. */
export const WAYS = {
  /** In jest's own processes, each of which runs one file: no process has so little memory. */
  fresh: ['--workerIdleMemoryLimit=2'],
  /** jest as it is: two processes run all files. */
  reused: [],
  /** Forked processes, for the first time. */
  cold: ['--runner=forkserver/jest'],
  /** Forked processes, after that. */
  learnt: ['--runner=forkserver/jest'],
} as const

export type Way = keyof typeof WAYS

/** The kinds of test files: the text of each. */
export const KINDS = {
  trivial: (number: number) => `
test('adds ${number}', () => {
  expect(${number} + 1).toBe(${number + 1})
})
`,
  typescript: (number: number) => `
const ts = require('typescript')

test('transpiles ${number}', () => {
  expect(ts.transpile('const n: number = ${number}')).toContain('n = ${number}')
})
`,
} as const

export type Kind = keyof typeof KINDS

/** An installed jest, and a project of each kind. */
export class Projects implements AsyncDisposable {
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-bench-jest-'))

  /** @param files test files of each project */
  async make(files: number): Promise<void> {
    const source = path.join(ROOT, 'test', 'fixtures', 'jest')
    for (const name of ['package.json', 'package-lock.json'])
      cpSync(path.join(source, name), path.join(this.#folder, name))
    const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--silent']
    await promisify(execFile)('npm', args, { cwd: this.#folder, timeout: LIMIT_MS })
    symlinkSync(ROOT, path.join(this.#folder, 'node_modules', 'forkserver'))
    for (const [name, textOf] of Object.entries(KINDS)) {
      const folder = path.join(this.#folder, name)
      mkdirSync(folder)
      writeFileSync(path.join(folder, 'jest.config.js'), `module.exports = { cacheDirectory: './.cache' }\n`)
      for (let number = 1; number <= files; number++)
        writeFileSync(path.join(folder, `t${number}.test.js`), textOf(number))
    }
  }

  /** Runs all files of a project. Returns how many milliseconds that took, from the start of jest to its end. */
  async run(kind: Kind, way: Way): Promise<number> {
    const learnt = path.join(this.#folder, 'node_modules', '.cache')
    if (way === 'cold') rmSync(learnt, { recursive: true, force: true })
    const jest = path.join(this.#folder, 'node_modules', 'jest', 'bin', 'jest.js')
    const before = performance.now()
    await promisify(execFile)(process.execPath, [jest, `--maxWorkers=${WORKERS}`, ...WAYS[way]], {
      cwd: path.join(this.#folder, kind),
      env: { ...process.env, NODE_ENV: undefined, NO_COLOR: '1' },
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    return performance.now() - before
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
