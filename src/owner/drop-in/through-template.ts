// Runs in: owner. Takes the start of a ChildProcess that runs a script with this Node through a template.
import { ChildProcess } from 'node:child_process'
import { ownFile } from '../../platform/own-files.js'
import watched from '../../platform/watched-files.cjs'
import { readCommandLine } from './command-line.js'
import { type ForkTemplates, isOff, say } from './fork-templates.js'
import { environmentOf } from './spawn-call.js'
import { type ProcessHandle, TemplateHandle } from './template-handle.js'

/** What child_process.spawn() passes to ChildProcess.prototype.spawn(), as far as it is read here. */
export interface SpawnOptions {
  file?: unknown
  args?: unknown
  envPairs?: unknown
  cwd?: unknown
}

type Spawn = (this: ChildProcess, options: SpawnOptions) => unknown

/** Undocumented, in Node 20, 22, 24 and 26. */
const prototype = ChildProcess.prototype as unknown as { spawn: Spawn }

/** forkserver's own processes: templates and spawned children. */
const OWN_MAINS = ownFile('main/')

/** A process gets strings, whatever was passed. Undefined if one cannot be a string: Node says what becomes of it. */
function wordsOf(values: readonly unknown[]): string[] | undefined {
  try {
    return values.map((value) => `${value}`)
  } catch {
    return undefined
  }
}

/** Gives the process a handle that asks a template, if there is one for it. */
export function prepare(
  child: ChildProcess,
  { file, args, envPairs, cwd }: SpawnOptions,
  templates: ForkTemplates,
): void {
  const holder = child as unknown as { _handle: ProcessHandle }
  if (holder._handle instanceof TemplateHandle) return // fork() and forkserver/register are both in use
  if (isOff(process.env) || file !== process.execPath || !Array.isArray(args) || args[0] !== file) return
  const words = wordsOf(args.slice(1))
  const line = words && readCommandLine(words)
  if (!line || line.script.startsWith(OWN_MAINS)) return
  const env = environmentOf(Array.isArray(envPairs) ? (envPairs as string[]) : [])
  if ('NODE_PRESERVE_SYMLINKS_MAIN' in env) return // a program in a template has its real path
  // Node decides once in a process whether require() reports what it loads, and a template may have loaded it already.
  if (watched.VARIABLE in env) {
    say(`${watched.VARIABLE} is set: somebody watches the files that it loads`)
    return
  }
  const folder = typeof cwd === 'string' ? cwd : undefined
  const template = templates.use({ flags: line.flags, env, args: line.args, cwd: folder })
  if (!template) return
  holder._handle = new TemplateHandle(child, template, line, say)
}

/** The processes that Node starts during this call go through templates. */
export function throughTemplates<T>(templates: ForkTemplates, call: () => T): T {
  const { spawn } = prototype
  prototype.spawn = function (options) {
    prepare(this, options, templates)
    return spawn.call(this, options)
  }
  try {
    return call()
  } finally {
    prototype.spawn = spawn
  }
}
