// Runs in: a tool process. Prints the page faults of a child from the results in bench/results as the table of
// docs/PERFORMANCE.md, so that nobody types a number by hand: node build/bench/fault-table.js bench/results/*.json
import { fileURLToPath } from 'node:url'
import type { Faults } from './faults.js'
import type { Report } from './report.js'
import { readReports } from './table.js'

/** Rows with less on each Node are left out. */
const LEAST = 1

const majorOf = ({ machine }: Report): number => Number.parseInt(machine.node.slice(1), 10)

/** A row for each sort of memory, the most faults first, with a column for each Node major. */
export function faultTableOf(all: readonly Report[]): string {
  const reports = all.filter(({ benchmark }) => benchmark === 'faults').sort((a, b) => majorOf(a) - majorOf(b))
  const results = reports.map((report) => report.results as Faults)
  const rows = new Map<string, number[]>()
  for (const [column, { sorts }] of results.entries()) {
    for (const { memory, kind, perChild } of sorts) {
      const name = `${memory} | ${kind}`
      const row = rows.get(name) ?? results.map(() => 0)
      row[column] = perChild
      rows.set(name, row)
    }
  }
  const sorted = [...rows]
    .filter(([, row]) => Math.max(...row) >= LEAST)
    .sort(([, a], [, b]) => Math.max(...b) - Math.max(...a))
  const cells = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(' | ')
  return [
    `| memory | the kernel | ${reports.map((report) => `Node ${majorOf(report)}`).join(' | ')} |`,
    `|---|---|${reports.map(() => '---:|').join('')}`,
    ...sorted.map(([name, row]) => `| ${name} | ${cells(row)} |`),
    `| **all of them** | | ${cells(results.map(({ named }) => named))} |`,
    `| **as the kernel counts them** | | ${cells(results.map(({ counted }) => counted))} |`,
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(faultTableOf(readReports(process.argv.slice(2))))
