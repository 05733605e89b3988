// Runs in: child, however it was born. Applies what the job asks for: working directory, environment, limits, user.
import os from 'node:os'
import { ResourceError, UsageError } from '../errors.js'
import { check, findNative } from '../platform/native.js'
import { changeOf } from '../wire/environment.js'
import type { EnvironmentChange, JobSurroundings, WholeEnvironment } from '../wire/job.js'
import { rereadVariables } from './node-variables.js'

/**
 * Applies all of it, in the order of libuv's child_process.spawn(): a process that has become another user may do less.
 * @throws UsageError ERR_INVALID_OPTION, ERR_UNSUPPORTED; ResourceError ERR_RESOURCE
 */
export function applySurroundings(surroundings: JobSurroundings): void {
  if (surroundings.cwd !== undefined) enterFolder(surroundings.cwd)
  if (surroundings.env) applyEnvironment(surroundings.env)
  applyLimits(surroundings)
  becomeUser(surroundings)
}

function enterFolder(folder: string): void {
  try {
    process.chdir(folder)
  } catch (cause) {
    const reason = REASONS[codeOf(cause)] ?? 'it cannot be entered'
    const problem = `The working directory '${folder}' cannot be used: ${reason} (${codeOf(cause)}).`
    const advice = "Pass a folder that exists and that the owner's user may enter as the option cwd."
    throw new UsageError('ERR_INVALID_OPTION', `${problem} ${advice}`, { cause })
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it is not a directory',
  EACCES: 'this user may not enter it',
}

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

function becomeUser({ umask, nice, gid, uid }: JobSurroundings): void {
  if (umask !== undefined) process.umask(umask)
  if (nice !== undefined) attempt('setpriority', `nice ${nice}`, () => os.setPriority(nice))
  if (gid !== undefined || uid !== undefined) dropGroups()
  if (gid !== undefined) attempt('setgid', `gid ${gid}`, () => process.setgid!(gid))
  if (uid !== undefined) attempt('setuid', `uid ${uid}`, () => process.setuid!(uid))
}

// As libuv does it: all groups are dropped if this user may do that. EPERM is ignored.
function dropGroups(): void {
  try {
    process.setgroups!([])
  } catch (error) {
    if (codeOf(error) !== 'EPERM') throw error
  }
}

function attempt(syscall: string, option: string, call: () => void): void {
  try {
    call()
  } catch (cause) {
    const errno = codeOf(cause)
    const user = process.getuid!()
    const problem = `${syscall}() failed with ${errno}: a process of user ${user} may not use the option ${option}.`
    const advice = 'Leave the option out, or run the owner as a user that may use it, such as root.'
    throw new ResourceError('ERR_RESOURCE', `${problem} ${advice}`, { cause, errno, syscall })
  }
}

/** The name of the errno that a call of Node's failed with. */
function codeOf(error: unknown): string {
  const { code, info } = error as { code?: string; info?: { code?: string } }
  return info?.code ?? code ?? 'an unknown error' // os.setPriority() has it in `info`
}
