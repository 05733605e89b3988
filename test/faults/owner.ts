// Runs in: the test runner. Runs programs that are owners themselves, so that a test can end them, and looks at what
// they leave.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { OwnerPlan, OwnerReport } from '../fixtures/faults/owner.js'

const OWNER = fileURLToPath(new URL('../fixtures/faults/owner.js', import.meta.url))

/** A program that a test started. */
export interface RunningProgram {
  readonly process: ChildProcess
  /** The lines that it printed so far. */
  readonly lines: string[]
  /** Resolves with its next line, or undefined at the end of its stdout. */
  nextLine(): Promise<string | undefined>
  /** How it ended, and what it wrote to stderr. */
  readonly ended: Promise<{ exitCode: number | null; signal: NodeJS.Signals | null; stderr: string }>
}

/** Starts a program whose stdin, stdout and stderr are pipes; detached, it leads a process group of its own. */
export function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  detached = false,
): RunningProgram {
  const program = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env }, detached })
  const lines: string[] = []
  const iterator = createInterface(program.stdout)[Symbol.asyncIterator]()
  let stderr = ''
  program.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(program, 'exit').then(([exitCode, signal]) => ({ exitCode, signal, stderr }))
  const nextLine = async (): Promise<string | undefined> => {
    const { value } = await iterator.next()
    if (value !== undefined) lines.push(value)
    return value
  }
  return { process: program, lines, nextLine, ended }
}

/**
 * Runs the owner of fixtures/faults/owner.ts until it has done what its plan says and told so.
 *
 * @param within a command, with its first arguments, that runs what follows
 */
export async function runOwner(
  plan: OwnerPlan,
  within: readonly string[] = [],
): Promise<RunningProgram & { report: OwnerReport }> {
  const [command, ...args] = [...within, process.execPath, OWNER, JSON.stringify(plan)]
  const program = runProgram(command!, args)
  const line = await program.nextLine()
  if (line === undefined) throw new Error(`The owner ended early: ${JSON.stringify(await program.ended)}`)
  return { ...program, report: JSON.parse(line) as OwnerReport }
}

/** Sends a signal to a process of ours by its pid, if it still lives. */
export function signalIfAlive(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid) process.kill(pid, signal)
  } catch {} // it has ended
}

/** Kills a process of ours by its pid, if it still lives. */
export const killIfAlive = (pid: number | undefined): void => signalIfAlive(pid, 'SIGKILL')
