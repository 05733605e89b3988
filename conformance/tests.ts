// Runs in: a tool process. Node's own test files: where they are, their names, and what each asks for in its comments.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** One of Node's test files. */
export interface NodeTest {
  /** Its path in the folder `test`, such as 'parallel/test-fs-read.js'. */
  readonly name: string
  /** The Node options that it needs, without those that name modules. */
  readonly flags: readonly string[]
  readonly require: readonly string[]
  readonly import: readonly string[]
  /** The environment variables that it needs. */
  readonly env: Readonly<Record<string, string>>
}

const TEST_FILE = /^test-.*\.(js|mjs|cjs|mts|cts|ts)$/

/** Finds the folder that contains `test/parallel`: the given one or one inside it. */
export function findRoot(folder: string): string | undefined {
  const below = existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name)) : []
  const roots = [folder, path.dirname(folder), ...below].map((candidate) => path.resolve(candidate))
  return roots.find((candidate) => existsSync(path.join(candidate, 'test', 'common')))
}

/** The tests in these suites (folders of `test`) whose name contains the word. */
export function listTests(root: string, suites: readonly string[], word: string): NodeTest[] {
  return suites
    .flatMap((suite) =>
      readdirSync(path.join(root, 'test', suite))
        .filter((name) => TEST_FILE.test(name))
        .map((name) => `${suite}/${name}`),
    )
    .filter((name) => name.includes(word))
    .sort()
    .map((name) => describe(name, readFileSync(path.join(root, 'test', name), 'utf8')))
}

/**
 * Reads what the comments of a test ask for, as Node's own runner does: lines that begin with `// Flags:` and `//
 * Env:`.
 */
export function describe(name: string, code: string): NodeTest {
  const words = (title: string): string[] =>
    [...code.matchAll(new RegExp(`^// ${title}:[ \\t]*(.*)$`, 'gm'))].flatMap(([, text]) => split(text!))
  const flags: string[] = []
  const modules = { require: [] as string[], import: [] as string[] }
  const given = words('Flags')
  for (let at = 0; at < given.length; at++) {
    const [, long, inline] = /^--(require|import)(?:=(.*))?$/.exec(given[at]!) ?? []
    const kind = long ?? (given[at] === '-r' ? 'require' : undefined)
    if (kind) modules[kind as 'require' | 'import'].push(inline ?? given[++at] ?? '')
    else flags.push(given[at]!)
  }
  const env = Object.fromEntries(words('Env').map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]))
  return { name, flags, ...modules, env }
}

// Splits words as a shell does, as far as these comments need it: at spaces, except inside quotes.
function split(text: string): string[] {
  return [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replace(/["']/g, ''))
}

/** Whether a test is about the processes that it starts: fork() and what can be said to them, and cluster. */
export function startsProcesses({ name }: NodeTest): boolean {
  return /test-(child-process|cluster)-/.test(name)
}
