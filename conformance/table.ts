// Runs in: a tool process. Prints the results of conformance runs as the tables of docs/CONFORMANCE.md, so that nobody
// types a number by hand: node build/conformance/table.js conformance/results/*.jsonl
import { fileURLToPath } from 'node:url'
import { causeOf, refusalOf } from './causes.js'
import { readResults, type TestResult, type Verdict } from './results.js'

const number = (value: number): string => value.toLocaleString('en')

function groupBy(results: readonly TestResult[], keyOf: (result: TestResult) => string): Map<string, TestResult[]> {
  const groups = new Map<string, TestResult[]>()
  for (const result of results) groups.set(keyOf(result), [...(groups.get(keyOf(result)) ?? []), result])
  return groups
}

const link = ({ name }: TestResult): string => `\`${name}\``

/** How many tests had which result: one row for each Node. */
export function summaryOf(results: readonly TestResult[]): string {
  const head = [
    'Node',
    'tests of',
    'run',
    'plain Node passes',
    'not applicable',
    'pass in a child',
    'fail',
    'unsteady',
    'share',
  ]
  const rows = [...groupBy(results, ({ node, tests }) => `${node} | ${tests}`)].map(([key, group]) => {
    const count = (verdict: Verdict): number => group.filter((result) => result.verdict === verdict).length
    const judged = count('passes') + count('fails') + count('unsteady')
    const share = judged === 0 ? 'none' : `${((100 * count('passes')) / judged).toFixed(1)} %`
    const cells = [
      group.length,
      judged + count('not applicable'),
      count('not applicable'),
      count('passes'),
      count('fails'),
      count('unsteady'),
    ]
    return `| ${key} | ${cells.map(number).join(' | ')} | ${share} |`
  })
  return [`| ${head.join(' | ')} |`, `|${head.map(() => '---|').join('')}`, ...rows].join('\n')
}

/** The failures by cause, most tests first; then the tests whose flags no template can have. */
export function detailsOf(results: readonly TestResult[]): string {
  const parts = [...groupBy(results, ({ node }) => node)].map(([node, group]) => {
    const failed = group.filter(({ verdict }) => verdict === 'fails' || verdict === 'unsteady')
    const causes = [...groupBy(failed, ({ name }) => causeOf(name))].sort(([, a], [, b]) => b.length - a.length)
    const refused = groupBy(
      group.filter(({ verdict }) => verdict === 'not applicable'),
      ({ how }) => refusalOf(how ?? ''),
    )
    return [
      `### ${node}: failures by cause`,
      '',
      '| tests | cause | names |',
      '|---|---|---|',
      ...causes.map(([cause, tests]) => `| ${tests.length} | ${cause} | ${tests.map(link).join(', ')} |`),
      '',
      `### ${node}: not applicable`,
      '',
      '| tests | why there is no template | names |',
      '|---|---|---|',
      ...[...refused].map(([reason, tests]) => `| ${tests.length} | ${reason} | ${tests.map(link).join(', ')} |`),
    ].join('\n')
  })
  return parts.join('\n\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = readResults(process.argv.slice(2))
  console.log(`${summaryOf(results)}\n\n${detailsOf(results)}`)
}
