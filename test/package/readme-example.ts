// Runs in: the test runner. The first example of README.md: its files, and what README says that it prints.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { marked, type Tokens } from 'marked'
import { ROOT } from './tarball.js'

export interface Example {
  /** What a user types to get the package. */
  install: string
  /** The text of each file, by its name, which is in its first line. */
  files: Record<string, string>
  /** The file that is run. */
  main: string
  /** What it prints. */
  output: string
}

/** Reads the blocks before the first output: a shell command, and JavaScript files, of which the last is run. */
export function readmeExample(page = path.join(ROOT, 'README.md')): Example {
  const tokens = marked.lexer(readFileSync(page, 'utf8'))
  const blocks = tokens.filter((token): token is Tokens.Code => token.type === 'code')
  const end = blocks.findIndex(({ lang }) => lang === 'text')
  const shown = blocks.slice(0, end)
  const scripts = shown.filter(({ lang }) => lang === 'js').map(({ text }) => text)
  const names = scripts.map((text) => {
    const name = /^\/\/ (\S+)\n/.exec(text)?.[1]
    if (!name) throw new Error(`The first line of a JavaScript block of ${page} names no file:\n${text}`)
    return name
  })
  const shell = shown.find(({ lang }) => lang === 'sh')
  const main = names.at(-1)
  if (!shell || !main) throw new Error(`${page} has no example before its first block of output.`)
  return {
    install: shell.text,
    files: Object.fromEntries(names.map((name, index) => [name, `${scripts[index]}\n`])),
    main,
    output: `${blocks[end]!.text}\n`,
  }
}
