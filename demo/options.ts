// Runs in: owner. The command line of the demo.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { StartMethod } from 'forkserver'

const MAX_CONCURRENCY = 256
const PROJECT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

export interface DemoOptions {
  /** Absolute path. */
  folder: string
  concurrency: number
  /** The number of files for each competitor. */
  sample: number
  /** Infinity: all files. */
  maxFiles: number
  /** The time limit of each process, in milliseconds. */
  timeout: number
  startMethod: StartMethod
  json: boolean
}

/** The options as they are typed. */
type Given = Omit<DemoOptions, 'folder' | 'json'> & { json?: boolean; all?: boolean }

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`)
  }
}

/**
 * npm runs scripts in the folder of the package. But the user means a relative path as seen from the folder where they
 * typed it.
 */
function resolveFolder(folder: string): string {
  const { npm_lifecycle_event: script, INIT_CWD: typedIn } = process.env
  const base = script === 'demo' && typedIn && existsSync(typedIn) ? typedIn : process.cwd()
  return path.resolve(base, folder)
}

/** Ends the process for --help and for unknown options. */
export function parseOptions(argv: readonly string[]): DemoOptions {
  const command = new Command('npm run demo --')
    .description(
      'Transpiles the TypeScript files of a project, each in a new process forked from a warm template. ' +
        'Does the same with a few of the files in new Node processes, and compares the times.',
    )
    .argument('[folder]', 'a TypeScript project, with its node_modules (default: this one)')
    .option('--concurrency <n>', 'processes at a time', integer(1, MAX_CONCURRENCY), os.availableParallelism())
    .option(
      '--sample <n>',
      'how many files child_process.fork and plain node transpile; 0: no comparison',
      integer(0, 1e6),
      12,
    )
    .option(
      '--max-files <n>',
      'largest number of files; of a larger project they are chosen evenly',
      integer(1, 1e6),
      300,
    )
    .option('--all', 'all files, however many there are and however long it takes')
    .option('--timeout <seconds>', 'time limit of one process', integer(1, 3_600), 60)
    .addOption(
      new Option('--start-method <method>', 'spawn: without a template')
        .choices(['forkserver', 'spawn'])
        .default('forkserver'),
    )
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', '\nIgnored: .git, and outside of node_modules the folders build and dist.')
    .parse(argv)
  const { timeout, json = false, all, maxFiles, ...rest } = command.opts<Given>()
  const [folder] = command.args
  return {
    ...rest,
    maxFiles: all ? Number.POSITIVE_INFINITY : maxFiles,
    timeout: timeout * 1000,
    json,
    folder: folder === undefined ? PROJECT : resolveFolder(folder),
  }
}
