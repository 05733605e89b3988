// Runs in: the test runner. Runs programs under the flags and variables of a setup, and reads the line of JSON that
// they print.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { SetupPlan, SetupReport } from '../fixtures/setups/owner.js'

const OWNER = fileURLToPath(new URL('../fixtures/setups/owner.js', import.meta.url))

/** The root of the project. */
export const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

/** The URL of a module that is written out in it. */
export const inline = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`

export interface Setup {
  readonly flags?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

/** Runs a program. Its stdout is one line of JSON, or the test fails with all that it wrote. */
export async function runSetup<T>(args: readonly string[], { flags = [], env = {}, cwd }: Setup = {}): Promise<T> {
  // The test runner's own variables would make a test file of the program.
  const clean = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined, ...env }
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const program = spawn(process.execPath, [...flags, ...args], { cwd, env: clean, stdio })
  const [stdout, stderr] = await Promise.all([text(program.stdout), text(program.stderr), once(program, 'exit')])
  try {
    return JSON.parse(stdout) as T
  } catch (cause) {
    throw new Error(`The program printed no JSON.\n${stdout}\n${stderr}`, { cause })
  }
}

/** Runs the owner of fixtures/setups/owner.ts. */
export function runOwner(plan: SetupPlan, setup?: Setup): Promise<SetupReport> {
  return runSetup([OWNER, JSON.stringify(plan)], setup)
}

/** The texts of the warnings with a code. */
export function warningsOf({ warnings }: SetupReport, code: string): string[] {
  return warnings.filter(([name]) => name === code).map(([, message]) => message)
}
