// Runs in: a tool process. Prints the results of stress runs (files of --json) as the Markdown table of
// docs/FORK_SAFETY.md, so that nobody types a number by hand: node build/stress/table.js stress/results/*.jsonl
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CELL_NAMES } from './jobs.js'
import type { CellResult } from './stress.js'

/** The table of all results: a row for each Node and template, a column for each cell. */
export function tableOf(results: readonly CellResult[]): string {
  const rows = new Map<string, Map<string, { failed: number; forks: number }>>()
  let forks = 0
  let failures = 0
  for (const result of results) {
    const key = `${result.node} | ${result.template}`
    const row = rows.get(key) ?? new Map<string, { failed: number; forks: number }>()
    const failed = result.hangs + result.wrongExits
    const before = row.get(result.cell) ?? { failed: 0, forks: 0 }
    // All runs of a cell are added up.
    row.set(result.cell, { failed: before.failed + failed, forks: before.forks + result.forks })
    rows.set(key, row)
    forks += result.forks
    failures += failed
  }
  const textOf = (sum: { failed: number; forks: number } | undefined): string =>
    sum ? `${sum.failed} of ${sum.forks.toLocaleString('en')}` : 'not run'
  const environments = [...new Set(results.map(({ date, kernel, libc }) => `${date}, Linux ${kernel}, ${libc}`))]
  const lines = [
    'A cell shows how many of its children hung or ended wrongly, ' +
      `and how many were forked. In total: ${failures} of ${forks.toLocaleString('en')}.`,
    '',
    ...environments.map((environment) => `- ${environment}`),
    '',
    `| Node | template | ${CELL_NAMES.join(' | ')} |`,
    `|---|---|${CELL_NAMES.map(() => '---|').join('')}`,
    ...[...rows].map(([key, row]) => `| ${key} | ${CELL_NAMES.map((cell) => textOf(row.get(cell))).join(' | ')} |`),
  ]
  return lines.join('\n')
}

/** The results in files that `--json` wrote. */
export function readResults(files: readonly string[]): CellResult[] {
  return files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as CellResult),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(tableOf(readResults(process.argv.slice(2))))
