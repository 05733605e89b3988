// Runs in: a tool process. Prints the results of npm run compat as the Markdown of docs/COMPATIBILITY.md, so that no
// cell is typed by hand: node build/compat/table.js compat/results/*.jsonl
import { fileURLToPath } from 'node:url'
import { type PackageResult, readResults, STAGES, type Stage } from './results.js'

const majorOf = ({ node }: PackageResult): string => /^v(\d+)/.exec(node)![1]!

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

/** `works`, or where the Nodes differ `works on 20, 22; refused on 24`. */
function cellOf(results: readonly PackageResult[], stage: Stage): string {
  const groups = groupBy(results, ({ outcomes }) => outcomes[stage]?.verdict ?? 'plain Node fails')
  const [[only] = ['not tried']] = groups
  if (groups.size <= 1) return only
  return [...groups].map(([verdict, group]) => `${verdict} on ${group.map(majorOf).sort().join(', ')}`).join('; ')
}

/** One row for each package. */
export function tableOf(results: readonly PackageResult[]): string {
  const groups = [...groupBy(results, ({ name }) => name)]
  return [
    `| program | packages | ${STAGES.join(' | ')} |`,
    `|---|---|${STAGES.map(() => '---|').join('')}`,
    ...groups.map(([name, group]) => {
      const cells = STAGES.map((stage) => cellOf(group, stage))
      return `| \`${name}\` | ${group.at(-1)!.packages.join(', ')} | ${cells.join(' | ')} |`
    }),
  ].join('\n')
}

/** What is refused, and what is wrong: which packages, at which stages, on which Nodes. */
export function detailsOf(results: readonly PackageResult[]): string {
  const rows = results.flatMap((result) =>
    STAGES.flatMap((stage) => {
      const { verdict, how } = result.outcomes[stage] ?? {}
      return verdict === undefined || verdict === 'works' ? [] : [{ result, stage, verdict, how: how ?? '' }]
    }),
  )
  const groups = groupBy(rows, ({ result, stage, verdict, how }) =>
    [result.name, stage, verdict, general(how)].join('\0'),
  )
  const failing = results.filter(({ plainFails }) => plainFails !== undefined)
  const failures = groupBy(failing, ({ name, plainFails }) => [name, general(plainFails!)].join('\0'))
  return [
    '| program | when | outcome | on Node | what was said |',
    '|---|---|---|---|---|',
    ...[...groups].map(([key, group]) => {
      const [name, stage, verdict, how] = key.split('\0')
      const nodes = group.map(({ result }) => majorOf(result)).sort()
      return `| \`${name}\` | ${stage} | ${verdict} | ${nodes.join(', ')} | ${how} |`
    }),
    ...[...failures].map(([key, group]) => {
      const [name, how] = key.split('\0')
      return `| \`${name}\` | | plain Node fails | ${group.map(majorOf).sort().join(', ')} | ${how} |`
    }),
  ].join('\n')
}

// Process ids and names with random letters differ from run to run. The row names the stage already. A cell of Markdown
// has one line.
const general = (how: string): string =>
  how
    .replace(/Process \d+ /g, 'Process ')
    .replace(/-\w{8} \(deleted\)/g, ' (deleted)')
    .replace(/ \(appeared while [^)]*\(\) (?:ran|was loaded)\)/g, '')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = readResults(process.argv.slice(2))
  console.log(`${tableOf(results)}\n\n${detailsOf(results)}`)
}
