// Runs in: the test runner. The table of programs (test/fixtures/programs): which there are, and how each is to be run.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

/** The folder of the programs. */
export const PROGRAMS = path.join(ROOT, 'test', 'fixtures', 'programs')

/** What a `// With:` line of a program says; several of them, in a list, are several runs. */
export interface Run {
  /** The program's arguments. */
  readonly args?: readonly string[]
  /** Variables beside those that every program gets. */
  readonly env?: Readonly<Record<string, string>>
  /** Node's own flags: of plain node, and of the template. */
  readonly flags?: readonly string[]
  /** What --require and --import name, from the program's folder. */
  readonly require?: readonly string[]
  readonly import?: readonly string[]
  /** A folder for NODE_PATH, from the program's folder. */
  readonly nodePath?: string
  /** What is run in place of this file, from the program's folder. */
  readonly main?: string
  /** The file's text is given by --eval, or through stdin. */
  readonly as?: 'eval' | 'stdin'
  /** What comes through stdin, as text or as that many bytes, and whether it then stays open. */
  readonly stdin?: string
  readonly stdinLength?: number
  readonly stdinOpen?: boolean
  readonly stdio?: readonly ('pipe' | 'ignore' | 'file')[]
  /** The reader of stdout closes its end first. */
  readonly closeStdout?: boolean
  /** The first version of Node that has it. */
  readonly since?: string
}

/** One run of a program. */
export interface Case extends Run {
  /** The file's name, with the run's number where there are several: 'exits/signals.cjs 3'. */
  readonly name: string
  readonly file: string
}

const WITH = /^\/\/ With: (.+)$/m

/** Every run of every program. Programs are the files of each group's folder; what lies deeper is theirs to load. */
export function listCases(): Case[] {
  return readdirSync(PROGRAMS).flatMap((group) =>
    readdirSync(path.join(PROGRAMS, group), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => casesOf(`${group}/${entry.name}`)),
  )
}

function casesOf(name: string): Case[] {
  const file = path.join(PROGRAMS, name)
  const line = WITH.exec(readFileSync(file, 'utf8'))
  const given = line ? (JSON.parse(line[1]!) as Run | Run[]) : {}
  if (!Array.isArray(given)) return [{ ...given, name, file }]
  return given.map((run, index) => ({ ...run, name: `${name} ${index + 1}`, file }))
}

/** Whether this Node has what a case is about. */
export function applies({ since }: Case): boolean {
  const wanted = (since ?? '0').split('.').map(Number)
  const ours = process.versions.node.split('.').map(Number)
  const at = wanted.findIndex((part, index) => part !== ours[index])
  return at === -1 || ours[at]! > wanted[at]!
}
