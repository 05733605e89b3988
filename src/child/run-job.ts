// Runs in: child, however it was born. Runs the job of this child: applies its surroundings, calls the function or
// starts the program, and sends the result.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { closestMatch } from 'leven'
import { UsageError } from '../errors.js'
import { importModule } from '../platform/import-module.js'
import type { JobHead } from '../wire/job.js'
import type { PreloadModule } from '../wire/startup.js'
import { decodeValue, encodeValue } from '../wire/values/clone.js'
import { encodeThrown } from '../wire/values/thrown.js'
import { openIpc } from './ipc.js'
import type { ChildChannel } from './job-channel.js'
import { beginRecording, recordedModules } from './loaded-modules.js'
import { haveParent } from './parent.js'
import { startProgram } from './run-program.js'
import { applySurroundings } from './surroundings.js'

type FunctionHead = Extract<JobHead, { module: string }>
export type AnyFunction = (...args: unknown[]) => unknown

/**
 * Finds the function that a job names.
 * @throws UsageError ERR_NOT_EXPORTED
 */
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

/** Loads a module that a template would have preloaded. */
async function load({ module, optional }: PreloadModule): Promise<void> {
  try {
    await importModule(module)
  } catch (error) {
    if (!optional) throw error
  }
}

/**
 * Runs the one job of this child and sends its result. Then the process ends as any Node process does: when nothing is
 * left to do. If the function throws, the exit code is 1, unless the function has set one. `first` runs before the job,
 * when its environment and working directory are set.
 */
export async function runJob(
  self: { exitCode?: unknown },
  channel: ChildChannel,
  head: JobHead,
  args: Buffer,
  first?: () => Promise<void>,
): Promise<void> {
  try {
    applySurroundings(head)
    if (head.parent !== undefined) haveParent(head.parent)
    if (head.ipc && !('program' in head)) openIpc(head.ipc)
    await first?.()
    for (const preload of head.preload ?? []) await load(preload)
    if (head.recordModules) beginRecording()
    if ('program' in head) startProgram(head.program, decodeValue(args) as string[], head.ipc)
    else channel.send('result', await perform(head, args))
  } catch (thrown) {
    sendThrown(channel, thrown)
    self.exitCode ??= 1
  }
}

/** Tells the owner which modules the job has loaded, if the job asks for it. */
export function sendModules(channel: ChildChannel): void {
  const modules = recordedModules()
  if (modules) channel.send('modules', Buffer.from(JSON.stringify(modules)))
}

/** Sends the error instead of a result. */
export function sendThrown(channel: ChildChannel, thrown: unknown): void {
  channel.send('thrown', encodeValue(encodeThrown(thrown), 'thrown'))
}
