// Runs in: owner. Pure. Names a whole program: what `node` would be given on its command line.
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { UsageError } from '../../errors.js'
import { checkOptions, either, listOf, oneOf, string } from '../../options/option-checks.js'
import type { ProgramHead } from '../../wire/job.js'
import { Program } from './program-reference.js'

/** What to load before a program's main, as Node's options of these names do. */
export interface ProgramOptions {
  /** Modules to require first, as --require. */
  require?: readonly string[]
  /** Modules to import next, as --import. */
  import?: readonly string[]
}

/** A program without a file: code as --eval takes it, or code that is read from stdin. */
export type ProgramSource = { eval: string; inputType?: 'commonjs' | 'module' } | { stdin: true }

/**
 * Names a program that a Process runs as its main, as `node` would: with require.main and import.meta.main, with
 * process.argv, with Node's own text for an error that nobody catches, and with Node's exit codes. The process's
 * arguments are the program's. Its result is undefined where it exits with 0; any other end rejects it.
 *
 * The template's modules are loaded already, as far as the program asks for the same files. Its main itself must not
 * be one of them: an ES module runs only once in a process.
 *
 * @param main path of a script, relative to the process's cwd, or its file URL; or `{ eval }` with code, or `{ stdin:
 *   true }`
 * @param options modules to load before it
 * @throws UsageError ERR_INVALID_ARGUMENT, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
 *
 * @example
 * const p = await new Process(program('./build.js'), ['--watch'], { server, cwd: project }).start()
 * const { exitCode } = await p.join()
 */
export function program(main: string | URL | ProgramSource, options: ProgramOptions = {}): Program {
  return new Program({ ...checkMain(main), ...checkOptions<ProgramOptions>('program()', options, LISTS) })
}

const LISTS = { require: listOf(string), import: listOf(string) }

function checkMain(main: unknown): ProgramHead {
  if (typeof main === 'string' && main !== '' && !main.includes('\0')) {
    return { file: main.startsWith('file:') ? fileOf(main) : main }
  }
  if (main instanceof URL) return { file: fileOf(main) }
  if (typeof main !== 'object' || main === null || main instanceof String) throw invalid(main)
  if ('stdin' in main && main.stdin === true) return { stdin: true }
  const source = checkOptions<{ eval: string; inputType: 'commonjs' | 'module' }>('program()', main, {
    eval: either('code', string, oneOf([''])),
    inputType: oneOf(['commonjs', 'module']),
  })
  if (source.eval === undefined) throw invalid(main)
  return source
}

function fileOf(url: string | URL): string {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw new UsageError('ERR_INVALID_ARGUMENT', `program(): '${String(url)}' names no file on this machine.`, {
      cause,
    })
  }
}

function invalid(main: unknown): UsageError {
  const text = `program(): pass the path of a script, its file URL, { eval: code } or { stdin: true }, not ${inspect(main, { depth: 0 })}.`
  return new UsageError('ERR_INVALID_ARGUMENT', text)
}
