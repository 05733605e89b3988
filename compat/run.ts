// Runs in: a tool process. Uses real packages in forked children, and compares with plain node: npm run compat
import { randomUUID } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { killStrays } from '../conformance/execute.js'
import { type PackageResult, STAGES } from './results.js'
import { runForked, runPlainly, type Site } from './stages.js'
import { tableOf } from './table.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const FOLDER = path.join(ROOT, 'compat')

/** The packages that a file imports, with the versions that are installed. */
function packagesOf(name: string): string[] {
  const source = readFileSync(path.join(FOLDER, 'packages', `${name}.mjs`), 'utf8')
  const names = [...source.matchAll(/(?:import|require)\('((?:@[^/']+\/)?[^/']+)[^']*'\)/g)].map((match) => match[1]!)
  return [...new Set(names)].map((found) => {
    const file = path.join(FOLDER, 'packages', 'node_modules', found, 'package.json')
    return `${found} ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`
  })
}

// Where things lie on this machine is nobody's business.
const withoutPlaces = (said: string): string =>
  said
    .replaceAll(ROOT, '.')
    .replaceAll(process.execPath, 'node')
    .replace(/\(pid \d+\) /g, '')

async function tryPackage(name: string, site: Site): Promise<PackageResult> {
  const common = {
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    name,
    packages: packagesOf(name),
  }
  const plain = await runPlainly(name, site)
  if (plain.value === undefined) return { ...common, plainFails: withoutPlaces(plain.failure ?? ''), outcomes: {} }
  const outcomes: PackageResult['outcomes'] = {}
  for (const stage of STAGES) {
    const { verdict, how } = await runForked(name, stage, plain.value, site)
    outcomes[stage] = how === undefined ? { verdict } : { verdict, how: withoutPlaces(how) }
  }
  return { ...common, outcomes }
}

const words = (text: string): string[] => text.split(',')

async function main(): Promise<void> {
  const { filter, json, timeLimit } = new Command('compat')
    .description('Uses real packages in forked children, and compares with plain node.')
    .option('--filter <words>', 'only packages whose name contains one of the words (with commas)', words, [''])
    .option('--time-limit <seconds>', 'a process that takes longer hangs', (text) => Number(text), 60)
    .option('--json <file>', 'append each result to this file, one line each')
    .parse()
    .opts<{ filter: string[]; json?: string; timeLimit: number }>()
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...given } = process.env as Record<string, string>
  const run = randomUUID()
  const env = { ...given, COMPAT_RUN: run, NO_COLOR: '1' }
  const site = { folder: pathToFileURL(`${FOLDER}/`), timeLimitMs: timeLimit * 1000, env }
  const files = readdirSync(path.join(FOLDER, 'packages')).filter(
    (file) => file.endsWith('.mjs') && filter.some((word) => file.includes(word)),
  )
  const results: PackageResult[] = []
  for (const file of files.sort()) {
    const result = await tryPackage(path.basename(file, '.mjs'), site)
    killStrays(`COMPAT_RUN=${run}`, new Set())
    results.push(result)
    if (json) appendFileSync(json, `${JSON.stringify(result)}\n`)
    const said = STAGES.map((stage) => {
      const { verdict, how } = result.outcomes[stage] ?? { verdict: 'not tried' }
      return `${stage}: ${verdict}${how === undefined ? '' : ` (${how})`}`
    })
    console.log(`${result.name}: ${result.plainFails ? `plain node fails: ${result.plainFails}` : said.join('; ')}`)
  }
  console.log(tableOf(results))
  const isWrong = ({ outcomes }: PackageResult): boolean => STAGES.some((stage) => outcomes[stage]?.verdict === 'wrong')
  process.exitCode = results.length === 0 || results.some(isWrong) ? 1 : 0
}

await main()
