// Runs in: a tool process. Prints the results of the platform runs as the Markdown tables of docs/PLATFORMS.md, so that
// no cell is typed by hand: node build/platforms/table.js
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CellResult } from '../stress/stress.js'
import { tableOf as stressTableOf } from '../stress/table.js'
import { type PlatformResult, readResults, type StepResult } from './results.js'

const isTest = ({ name }: StepResult): boolean => name.endsWith('.test.js')
const linesOf = ({ figures }: StepResult): Record<string, unknown>[] =>
  (figures.lines as Record<string, unknown>[] | undefined) ?? []
const countOf = (steps: readonly StepResult[], figure: string): number =>
  steps.reduce((sum, { figures }) => sum + ((figures[figure] as number | undefined) ?? 0), 0)
const titleOf = (result: PlatformResult): string => `${result.platform}, Node ${result.node.slice(1)}`

/** The results of stress cells in a run. */
function cellsOf({ steps }: PlatformResult): CellResult[] {
  return steps.filter(({ name }) => name === 'stress').flatMap(linesOf) as unknown as CellResult[]
}

function stepText(step: StepResult): string {
  if (step.outcome !== 'passed') return `${step.name}: **${step.outcome}**`
  const [line] = linesOf(step)
  if (line?.processes === undefined) return `${step.name}: passed`
  return `${step.name}: passed, ${line.processes} processes, ${line.msPerProcess} ms each`
}

function testsText(result: PlatformResult): string {
  const tests = result.steps.filter(isTest)
  if (tests.length === 0) return ''
  const failed = countOf(tests, 'fail') + countOf(tests, 'cancelled')
  return `${tests.length} test files: ${countOf(tests, 'pass')} tests passed, ${failed} failed`
}

function stressText(result: PlatformResult): string {
  const cells = cellsOf(result)
  if (cells.length === 0) return ''
  const sum = (of: (cell: CellResult) => number): number => cells.reduce((total, cell) => total + of(cell), 0)
  const failed = sum(({ hangs, wrongExits }) => hangs + wrongExits)
  return `stress: ${failed} of ${sum(({ forks }) => forks)} processes failed`
}

/** One row for each platform and Node. */
export function tableOf(results: readonly PlatformResult[]): string {
  return [
    '| platform | Node | C library | Linux | machine | date | what was run |',
    '|---|---|---|---|---|---|---|',
    ...results.map((result) => {
      const { platform, node, libc, kernel, machine, date, steps } = result
      const others = steps.filter((step) => !isTest(step) && step.name !== 'stress').map(stepText)
      const run = [stressText(result), testsText(result), ...others].filter(Boolean).join('; ')
      return `| ${platform} | ${node.slice(1)} | ${libc} | ${kernel} | ${machine} | ${date} | ${run} |`
    }),
  ].join('\n')
}

/** The stress matrix of the platforms that ran it, as docs/FORK_SAFETY.md shows it. */
export function stressTables(results: readonly PlatformResult[]): string {
  const ran = results.filter((result) => cellsOf(result).length > 0)
  return ran.length > 0 ? stressTableOf(ran.flatMap(cellsOf)) : ''
}

/** One row for each test file, with a column for each run that had tests. */
export function testTable(results: readonly PlatformResult[]): string {
  const runs = results.filter(({ steps }) => steps.some(isTest))
  const names = [...new Set(runs.flatMap(({ steps }) => steps.filter(isTest).map(({ name }) => name)))].sort()
  const cellOf = ({ steps }: PlatformResult, name: string): string => {
    const step = steps.find((one) => one.name === name)
    if (!step) return 'not run'
    const { pass = 0, fail = 0, cancelled = 0, skipped = 0 } = step.figures as Record<string, number>
    const failed = fail + cancelled
    const rest = [failed > 0 ? `**${failed} failed**` : '', skipped > 0 ? `${skipped} skipped` : '']
    if (step.outcome === 'too slow') rest.push('**too slow**')
    return [`${pass} passed`, ...rest.filter(Boolean)].join(', ')
  }
  return [
    `| test file | ${runs.map(titleOf).join(' | ')} |`,
    `|---|${runs.map(() => '---|').join('')}`,
    ...names.map(
      (name) => `| ${name.replace(/\.js$/, '.ts')} | ${runs.map((result) => cellOf(result, name)).join(' | ')} |`,
    ),
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', 'platforms', 'results')
  const results = readResults(folder)
  console.log([tableOf(results), stressTables(results), testTable(results)].filter(Boolean).join('\n\n'))
}
