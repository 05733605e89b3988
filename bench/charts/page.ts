// Runs in: a tool process. `npm run bench:report`: writes docs/BENCHMARKS.md and its pictures from bench/results. A
// test checks that they are what the results give.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TableResults } from '../process-table.js'
import { type Report, short } from '../report.js'
import { machineOf, readReports } from '../table.js'
import { chartsOf } from './charts.js'
import { draw } from './draw.js'
import { type Chart, nodeOf } from './rows.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
export const RESULTS = path.join(ROOT, 'bench', 'results')
export const DOCS = path.join(ROOT, 'docs')

/** The page and its pictures, by their paths in docs/. */
export type Files = Map<string, string>

const COLUMNS = 120

/** A paragraph in lines of at most 120 columns. */
function wrap(text: string): string {
  let line = 0
  return text
    .replace(/\S+( |$)/g, (word) => {
      const fits = line + word.trimEnd().length <= COLUMNS
      line = (fits ? line : 0) + word.length
      return fits ? word : `\n${word}`
    })
    .replaceAll(' \n', '\n')
}

function tableOf({ machine, results }: Report): string {
  const { active, loadAverage, rows } = results as TableResults
  const { cpu, cores, kernel, libc, date, node } = machine
  const lines = rows.map(({ name, total, iterations, perSecond, seconds }) => {
    const figures = [perSecond.mean, perSecond.deviation, seconds.mean, seconds.deviation].map(short)
    return `| ${[name, total, iterations, ...figures].join(' | ')} |`
  })
  const text =
    `At most ${active} processes are active at a time. ${cpu}, ${cores} cores, ${kernel}, ${libc}, Node ` +
    `${node.slice(1)}, ${date.slice(0, 10)}. The load average was ${short(machine.loadAverage)} before the run and ` +
    `${short(loadAverage)} on average after each iteration. What exceeds ${active} is other work on the machine, ` +
    'which slows all candidates: compare them with each other, and not with another machine.'
  return [
    wrap(text),
    '',
    '| candidate | total | iterations | per second, mean | deviation | seconds, mean | deviation |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

function sectionOf({ name, title, alt, text }: Chart, reports: readonly Report[]): string {
  const section = `## ${title}\n\n${wrap(text)}\n\n![${alt}](benchmarks/${name}.svg)`
  const table = reports.find(({ benchmark }) => benchmark === name && benchmark === 'process-table')
  return table ? `${section}\n\n${tableOf(table)}` : section
}

function head(reports: readonly Report[]): string {
  const nodes = [...new Set(reports.map(nodeOf))].sort()
  const what =
    `This page shows what the files in \`bench/results\` hold, for ${nodes.join(', ')}. \`npm run bench:report\` ` +
    'writes it; no number is typed. [PERFORMANCE.md](PERFORMANCE.md) says how each benchmark measures, which goals ' +
    'were met and missed, and where the time goes. `npm run bench -- NAME --save` measures again on your machine.'
  const where =
    'The machine is a small virtual one. Other work disturbs it at times. Compare the bars of one picture with each ' +
    'other, and not with those of another machine.'
  return ['# Benchmarks', wrap(what), machineOf(reports), wrap(where)].join('\n\n')
}

/** docs/BENCHMARKS.md and its pictures, as these results give them. */
export async function filesOf(reports: readonly Report[]): Promise<Files> {
  const charts = chartsOf(reports)
  const sections = charts.map((chart) => sectionOf(chart, reports))
  const files: Files = new Map([['BENCHMARKS.md', `${[head(reports), ...sections].join('\n\n')}\n`]])
  for (const { name, spec } of charts) files.set(`benchmarks/${name}.svg`, await draw(spec))
  return files
}

export function readResults(): Report[] {
  const names = readdirSync(RESULTS).filter((name) => name.endsWith('.json'))
  return readReports(names.sort().map((name) => path.join(RESULTS, name)))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = await filesOf(readResults()) // first: a failure leaves the old page
  rmSync(path.join(DOCS, 'benchmarks'), { recursive: true, force: true })
  mkdirSync(path.join(DOCS, 'benchmarks'))
  for (const [name, text] of files) writeFileSync(path.join(DOCS, name), text)
}
