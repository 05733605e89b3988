// Runs in: a tool process. Prints the results in bench/results as the Markdown tables of docs/PERFORMANCE.md, so that
// nobody types a number by hand: node build/bench/table.js bench/results/*.json
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Report, short } from './report.js'

interface Row {
  /** The required values. They may differ from one Node to another. */
  wanted: Set<string>
  /** The measured value of each Node major. */
  measured: Map<string, string>
}

const majorOf = ({ machine }: Report): string => `Node ${Number.parseInt(machine.node.slice(1), 10)}`

// The C program that is as large as the template has another size on each Node. It still belongs into one row.
const nameOf = (name: string): string => name.replace(/ \(\d+ MiB\)/, '')

function tableOf(benchmark: string, reports: readonly Report[]): string {
  const rows = new Map<string, Row>()
  for (const report of reports) {
    for (const { name, wanted, measured, unit, met } of report.bars) {
      const row = rows.get(nameOf(name)) ?? { wanted: new Set(), measured: new Map() }
      row.wanted.add(wanted)
      row.measured.set(majorOf(report), `${short(measured)} ${unit}${met ? '' : ' **missed**'}`)
      rows.set(nameOf(name), row)
    }
  }
  const majors = reports.map(majorOf)
  return [
    `| ${benchmark} | wanted | ${majors.join(' | ')} |`,
    `|---|---|${majors.map(() => '---|').join('')}`,
    ...[...rows].map(([name, { wanted, measured }]) =>
      [`| ${name} | ${[...wanted].join(', ')}`, ...majors.map((major) => measured.get(major) ?? 'not measured'), '']
        .join(' | ')
        .trimEnd(),
    ),
  ].join('\n')
}

/** When and where the figures were measured. */
export function machineOf(reports: readonly Report[]): string {
  const of = (pick: (machine: Report['machine']) => string): string =>
    [...new Set(reports.map(({ machine }) => pick(machine)))].join(', ')
  return [
    `- date: ${of(({ date }) => date.slice(0, 10))}`,
    `- commit: ${of(({ commit }) => commit)}`,
    `- machine: ${of(({ cpu, cores }) => `${cpu} with ${cores} cores`)}`,
    `- system: ${of(({ kernel }) => kernel)}; ${of(({ libc }) => libc)}`,
    `- Node: ${of(({ node }) => node)}`,
  ].join('\n')
}

/** A table for each benchmark that has goals, with a column for each Node major. */
export function tablesOf(reports: readonly Report[]): string {
  const sorted = reports.filter(({ bars }) => bars.length > 0).sort((a, b) => majorOf(a).localeCompare(majorOf(b)))
  const benchmarks = [...new Set(sorted.map(({ benchmark }) => benchmark))].sort()
  const tables = benchmarks.map((name) =>
    tableOf(
      name,
      sorted.filter(({ benchmark }) => benchmark === name),
    ),
  )
  return [machineOf(sorted), ...tables].join('\n\n')
}

/** The reports in files that `--save` wrote. */
export function readReports(files: readonly string[]): Report[] {
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(tablesOf(readReports(process.argv.slice(2))))
