// Runs in: the system that is tried. Runs the steps of a plan one after the other, each within its time limit, and
// prints what became of them: node inside.js PLAN
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { MARK, type Plan, type Step, type StepResult, type Surroundings } from './results.js'

const tell = (value: unknown): void => console.log(`\n${MARK}${JSON.stringify(value)}`)

function surroundings(): Surroundings {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  const { glibcVersionRuntime: glibc } = header
  const libc = glibc ? `glibc ${glibc}` : 'another libc'
  return { node: process.version, kernel: os.release(), libc, processors: os.availableParallelism() }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What commands print about themselves: the counts of Node's test runner, lines of JSON, or one JSON text. */
export function figuresOf(output: string): Record<string, unknown> {
  const figures: Record<string, unknown> = {}
  for (const [, name, count] of output.matchAll(/^ℹ (tests|pass|fail|cancelled|skipped) (\d+)$/gm))
    figures[name!] = Number(count)
  const lines = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map(parse)
    .filter(Boolean)
  const whole = parse(output)
  if (lines.length > 0) figures.lines = lines
  else if (whole) figures.lines = [whole]
  return figures
}

/** Runs one command in a process group of its own, so that all of it can be killed. */
function runStep({ name, args, limitSeconds }: Step, slowness: number): Promise<StepResult> {
  const start = performance.now()
  const env = { ...process.env, FORKSERVER_TEST_SLOWNESS: String(slowness), NO_COLOR: '1' }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env })
  let output = ''
  let isTooSlow = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    process.stdout.write(text)
  })
  child.stderr.pipe(process.stderr, { end: false })
  const timer = setTimeout(() => {
    isTooSlow = true
    process.kill(-child.pid!, 'SIGKILL')
  }, limitSeconds * 1000)
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer)
      const outcome = isTooSlow ? 'too slow' : code === 0 ? 'passed' : 'failed'
      const seconds = Math.round((performance.now() - start) / 100) / 10
      resolve({ name, outcome, seconds, figures: figuresOf(output) })
    })
  })
}

const plan = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Plan
tell(surroundings())
for (const step of plan.steps) tell(await runStep(step, plan.slowness))
