// Runs in: child, however it was born. Reads the job, makes the process what the job asks for, runs the function and delivers what
// became of it.
import os from 'node:os'
import { closestMatch } from 'leven'
import { UsageError } from '../errors.js'
import { importModule } from '../platform/import-module.js'
import { check, findNative } from '../platform/native.js'
import { changeOf } from '../wire/environment.js'
import type { EnvironmentChange, JobHead, JobSurroundings, WholeEnvironment } from '../wire/job.js'
import { decodeValue, encodeValue } from '../wire/values/clone.js'
import { encodeThrown } from '../wire/values/thrown.js'
import type { ChildChannel } from './job-channel.js'
import { rereadVariables } from './node-variables.js'
import { startProgram } from './run-program.js'

type FunctionHead = Extract<JobHead, { module: string }>
export type AnyFunction = (...args: unknown[]) => unknown

function applyEnvironment(env: EnvironmentChange | WholeEnvironment): void {
  const { set, unset } = 'whole' in env ? (changeOf(process.env, env.whole) ?? { set: {}, unset: [] }) : env
  for (const name of unset) delete process.env[name]
  for (const [name, value] of Object.entries(set)) process.env[name] = value
  rereadVariables([...unset, ...Object.keys(set)])
}

function applyLimits({ heapLimit = 0, cpuSeconds = 0, openFiles = 0 }: JobSurroundings): void {
  if (heapLimit === 0 && cpuSeconds === 0 && openFiles === 0) return
  const found = findNative()
  if ('missing' in found) throw new UsageError('ERR_UNSUPPORTED', `limits need the addon, and ${found.missing}.`)
  if (heapLimit > 0) check('setHeapLimit', found.native.setHeapLimit(heapLimit))
  check('setrlimit', found.native.setLimits(cpuSeconds, openFiles))
}

// In libuv's order for child_process: a user who has become another one may do less.
function becomeWho({ umask, nice, gid, uid }: JobSurroundings): void {
  if (umask !== undefined) process.umask(umask)
  if (nice !== undefined) os.setPriority(nice)
  if ((gid ?? uid) !== undefined && process.getuid!() === 0) process.setgroups!([])
  if (gid !== undefined) process.setgid!(gid)
  if (uid !== undefined) process.setuid!(uid)
}

/** The function that a job names. @throws UsageError ERR_NOT_EXPORTED */
export function findFunction(namespace: object, { module, name }: { module: string; name: string }): AnyFunction {
  const value = (namespace as Record<string, unknown>)[name]
  if (typeof value === 'function') return value as AnyFunction
  if (name in namespace)
    throw new UsageError(
      'ERR_NOT_EXPORTED',
      `'${name}' of ${module} is not a function but ${value === null ? 'null' : typeof value}.`,
    )
  const names = Object.keys(namespace)
  const near = closestMatch(name, names, { maxDistance: Math.ceil(name.length / 3) })
  const hint = near ? `Did you mean '${near}'?` : `It exports ${names.length > 0 ? names.join(', ') : 'nothing'}.`
  throw new UsageError('ERR_NOT_EXPORTED', `${module} does not export '${name}'. ${hint}`)
}

async function perform(head: FunctionHead, args: Buffer): Promise<Buffer> {
  const job = findFunction(await importModule(head.module), head)
  const value = await job(...(decodeValue(args) as unknown[]))
  return encodeValue(value, 'result')
}

/**
 * Runs the one job of this child and delivers its result. The process then ends as any Node process does: when nothing is left to
 * do. A function that throws leaves the exit code 1, unless it set one. `first` runs before the job, in its surroundings.
 */
export async function runJob(
  self: { exitCode?: unknown },
  channel: ChildChannel,
  head: JobHead,
  args: Buffer,
  first?: () => Promise<void>,
): Promise<void> {
  try {
    if (head.cwd !== undefined) process.chdir(head.cwd)
    if (head.env) applyEnvironment(head.env)
    applyLimits(head)
    becomeWho(head)
    await first?.()
    for (const module of head.preload ?? []) await importModule(module)
    if ('program' in head) startProgram(head.program, decodeValue(args) as string[])
    else channel.send('result', await perform(head, args))
  } catch (thrown) {
    sendThrown(channel, thrown)
    self.exitCode ??= 1
  }
}

/** Delivers what was thrown in place of a result. */
export function sendThrown(channel: ChildChannel, thrown: unknown): void {
  channel.send('thrown', encodeValue(encodeThrown(thrown), 'thrown'))
}
