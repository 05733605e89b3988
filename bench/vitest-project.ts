// Runs in: owner. Projects with many test files for vitest, in a folder of their own.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const LIMIT_MS = 300_000

/** How vitest runs the files: in its own processes; in forked ones, for the first time, after that, and warmed. */
export type Way = 'forks' | 'cold' | 'learnt' | 'warmed'

/** The text of a kind of test files. */
interface Kind {
  extension: string
  test(number: number): string
  warmup: string
  environment: string
}

const REACT: Kind = {
  extension: 'jsx',
  environment: 'jsdom',
  test: (number) => `
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, test } from 'vitest'
import { Counter } from './Counter.jsx'

afterEach(cleanup)
test('counts from ${number}', () => {
  render(<Counter start={${number}} />)
  fireEvent.click(screen.getByText('add'))
  expect(screen.getByTestId('count').textContent).toBe('${number + 1}')
})
`,
  warmup: `
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { createElement } from 'react'

export function warmup() {
  render(createElement('button', { onClick() {} }, 'press'))
  fireEvent.click(screen.getByText('press'))
  cleanup()
}
`,
}
const COUNTER = `
import { useState } from 'react'

export function Counter({ start }) {
  const [count, setCount] = useState(start)
  return (
    <section>
      <p data-testid="count">{count}</p>
      <button onClick={() => setCount(count + 1)}>add</button>
    </section>
  )
}
`

const TYPESCRIPT: Kind = {
  extension: 'js',
  environment: 'node',
  test: (number) => `
import ts from 'typescript'
import { expect, test } from 'vitest'

test('transpiles ${number}', () => {
  expect(ts.transpile('const n: number = ${number}')).toContain('n = ${number}')
})
`,
  warmup: `
import ts from 'typescript'

export const warmup = () => ts.transpile('const n: number = 0')
`,
}

/** The kinds of test files. */
export const KINDS = { react: REACT, typescript: TYPESCRIPT } as const

/** An installed vitest, and a project of each kind. */
export class Projects implements AsyncDisposable {
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-bench-vitest-'))

  /** @param files test files of each project */
  async make(files: number): Promise<void> {
    const source = path.join(ROOT, 'test', 'fixtures', 'vitest')
    for (const name of ['package.json', 'package-lock.json'])
      cpSync(path.join(source, name), path.join(this.#folder, name))
    const args = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--silent']
    await promisify(execFile)('npm', args, { cwd: this.#folder, timeout: LIMIT_MS })
    symlinkSync(ROOT, path.join(this.#folder, 'node_modules', 'forkserver'))
    for (const [name, kind] of Object.entries(KINDS)) {
      const folder = path.join(this.#folder, name)
      mkdirSync(folder)
      writeFileSync(path.join(folder, 'Counter.jsx'), COUNTER)
      writeFileSync(path.join(folder, 'warmup.js'), kind.warmup)
      writeFileSync(path.join(folder, 'vitest.config.js'), configOf(kind))
      for (let number = 1; number <= files; number++)
        writeFileSync(path.join(folder, `t${number}.test.${kind.extension}`), kind.test(number))
    }
  }

  /** Runs all files of a project. Returns how many milliseconds that took, from the start of vitest to its end. */
  async run(kind: keyof typeof KINDS, way: Way): Promise<number> {
    const learnt = path.join(this.#folder, 'node_modules', '.cache')
    if (way === 'cold') rmSync(learnt, { recursive: true, force: true })
    const vitest = path.join(this.#folder, 'node_modules', 'vitest', 'vitest.mjs')
    const env = { ...process.env, BENCH_WAY: way, NO_COLOR: '1' }
    const before = performance.now()
    await promisify(execFile)(process.execPath, [vitest, 'run'], {
      cwd: path.join(this.#folder, kind),
      env,
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    return performance.now() - before
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const configOf = ({ environment }: Kind): string => `
import { remote } from 'forkserver'
import { forkserverPool } from 'forkserver/vitest'

const way = process.env.BENCH_WAY
const { warmup } = remote(new URL('./warmup.js', import.meta.url))
const pool = way === 'forks' ? 'forks' : forkserverPool(way === 'warmed' ? { warmup } : {})

export default { test: { environment: '${environment}', maxWorkers: 2, pool } }
`
