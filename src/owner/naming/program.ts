// Runs in: owner. Pure. Names a whole program, with what `node` would get on its command line.
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { UsageError } from '../../errors.js'
import { checkOptions, either, listOf, oneOf, string } from '../../options/option-checks.js'
import type { ProgramHead } from '../../wire/job.js'
import { Program } from './program-reference.js'

/** Modules to load before the main of a program, as with Node's options of these names. */
export interface ProgramOptions {
  /** Modules to require first, as --require. */
  require?: readonly string[]
  /** Modules to import next, as --import. */
  import?: readonly string[]
}

/** A program without a file: code as for --eval, or code that is read from stdin. */
export type ProgramSource =
  | {
      /** The code to run. */
      eval: string
      /** What the code is; default 'commonjs'. 'module' needs Node 22.15 or later. */
      inputType?: 'commonjs' | 'module'
    }
  | {
      /** The code comes from the stdin of the process. */
      stdin: true
    }

/**
 * Names a program that a Process runs as its main, as `node` would: with require.main and import.meta.main, with
 * process.argv, with Node's own text for an error that nobody catches, and with Node's exit codes. The arguments of the
 * process are those of the program. The result is undefined if the program exits with 0, and rejects otherwise.
 *
 * Modules that the template has loaded are not loaded again. The main must not be one of them if it is an ES
 * module: an ES module runs only once in a process.
 *
 * @param main path of a script, relative to the process's cwd, or its file URL; or `{ eval }` with code, or `{ stdin:
 *   true }`
 * @param options modules to load before it
 * @returns the name of the program, for `new Process()`
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
  const found = inspect(main, { depth: 0 })
  const text = `program(): pass the path of a script, its file URL, { eval: code } or { stdin: true }, not ${found}.`
  return new UsageError('ERR_INVALID_ARGUMENT', text)
}
