// Runs in: the test runner. The project's own files, for the tests of its rules.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

export const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

/** What the build and `npm run compat` put between our files. */
const NOT_OURS = new Set(['native/build', 'native/prebuilds', 'compat/packages/node_modules'])

/** Whether npm has filled this folder, so that its files are not ours. */
const isInstalled = (name: string): boolean => /^examples\/[^/]+\/node_modules$/.test(name)

/** The files of a folder of the project, deep, whose names end so. What is built or installed is left out. */
export function listFiles(folder: string, ending: RegExp): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name)
    if (!entry.isDirectory()) return ending.test(name) ? [name] : []
    return NOT_OURS.has(name) || isInstalled(name) ? [] : listFiles(name, ending)
  })
}

/** What is in a file of the project. */
export const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')

/** The first comment of a file, up to its first line of code. */
export const headerOf = (file: string): string => /^(?:\/\/.*\n)*/.exec(read(file))![0]

/** The rows of each table of a page that has these columns, as cells. */
export function tablesOf(page: string, ...columns: readonly string[]): string[][][] {
  const lines = read(page).split('\n')
  const isHead = (line: string): boolean => line === `| ${columns.join(' | ')} |`
  return lines.flatMap((line, head) => {
    if (!isHead(line)) return []
    const body = lines.slice(head + 2)
    const end = body.findIndex((row) => !row.startsWith('|'))
    return [body.slice(0, end < 0 ? undefined : end).map((row) => row.slice(2, -2).split(' | '))]
  })
}

/** The rows of the one table of a page that has these columns. */
export function tableOf(page: string, ...columns: readonly string[]): string[][] {
  const [table] = tablesOf(page, ...columns)
  if (!table) throw new Error(`${page} has no table with the columns ${columns.join(', ')}.`)
  return table
}
