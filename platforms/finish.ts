// Runs in: a tool process. The end of a platform run: from the log to the result, its file and what is printed.
import path from 'node:path'
import { PlatformError, ROOT, run } from './machine.js'
import { markedLines, type PlatformResult, type StepResult, type Surroundings, writeResult } from './results.js'

interface Run {
  platform: string
  machine: string
  /** How many steps there should be in the log. */
  steps: number
  /** Whether the result goes into its file; else it is only printed. */
  write?: boolean
}

function resultOf(log: string, { platform, machine }: Run): PlatformResult {
  const [surroundings, ...steps] = markedLines(log) as [Surroundings, ...StepResult[]]
  if (!surroundings) throw new PlatformError(`Node did not start there. What was printed:\n${log.slice(-2_000)}`)
  const commit = run('git', ['rev-parse', '--short', 'HEAD'], 10, ROOT).trim()
  const date = new Date().toISOString().slice(0, 10)
  return { platform, date, commit, machine, ...surroundings, steps }
}

/**
 * Prints what became of each step and writes the result. A failure or a step that is missing sets the exit code to 1.
 * @throws PlatformError the log has no result
 */
export function finish(log: string, given: Run): void {
  const result = resultOf(log, given)
  console.log(`${result.platform}, Node ${result.node}, ${result.libc}, Linux ${result.kernel}:`)
  for (const { name, outcome, seconds } of result.steps) console.log(`  ${outcome} (${seconds} s): ${name}`)
  const missing = given.steps - result.steps.length
  if (missing > 0) console.log(`  ${missing} steps did not run, because the system ended before them.`)
  if (missing > 0 || result.steps.some(({ outcome }) => outcome !== 'passed')) process.exitCode = 1
  if (given.write ?? true) {
    const file = writeResult(path.join(ROOT, 'platforms', 'results'), result)
    console.log(`  written to ${path.relative(ROOT, file)}`)
  }
}
