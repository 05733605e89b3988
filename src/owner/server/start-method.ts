// Runs in: owner. Whether an owner on this machine can have a template at all. Whether this Node can be forked, the
// template finds out (template/trial-fork.ts), because the owner may be a worker thread or run with other flags.
import { existsSync } from 'node:fs'
import { ResourceError, UsageError } from '../../errors.js'
import { findNative, type Native } from '../../platform/native.js'

/** How processes start: forked from a template, or as new Node processes. */
export type StartMethod = 'forkserver' | 'spawn'

/** The start method that works here; for `spawn` with the reason, as a clause. */
export type Choice = { startMethod: 'forkserver'; native: Native } | { startMethod: 'spawn'; reason: string }

/** Majors of Node that were measured. On any other, the trial fork of each template decides alone. */
const TESTED_MAJORS = [20, 22, 24, 26]

/**
 * Processors on which no child hung in the stress matrix. Others fork only if they are asked to: docs/PLATFORMS.md has
 * what an emulated arm64 machine showed.
 */
const SHOWN_PROCESSORS = ['x64']

let choice: Choice | undefined

const spawn = (reason: string): Choice => ({ startMethod: 'spawn', reason })

function choose(): Choice {
  const found = findNative()
  if ('missing' in found) return spawn(found.missing)
  if (!existsSync('/proc/self/task'))
    return spawn(
      '/proc is not mounted here, or it does not show this process, ' +
        'and forkserver reads there what the threads of a template do (mount -t proc proc /proc)',
    )
  const major = Number(process.versions.node.split('.')[0])
  if (!TESTED_MAJORS.includes(major))
    process.emitWarning(
      `forkserver was tested with Node ${TESTED_MAJORS.join(', ')}, and this is ${process.version}. ` +
        'Each template makes a trial fork before it is ready; if that fails, processes are spawned.',
      { code: 'FORKSERVER_UNTESTED_NODE' },
    )
  return { startMethod: 'forkserver', native: found.native }
}

function hasWorkingDirectory(): boolean {
  try {
    return existsSync(process.cwd()) // Node remembers the last answer, and does not notice when the directory is gone
  } catch {
    return false
  }
}

/**
 * Checks what each start method needs. Node's own errors name a system call, but do not say what to do.
 * @throws UsageError ERR_INVALID_STATE: the working directory is gone
 * @throws ResourceError ERR_RESOURCE: there is no /dev/null
 */
function checkSurroundings(): void {
  if (!hasWorkingDirectory()) {
    const text =
      'The working directory of this process was deleted. Go to another one with process.chdir(), then start.'
    throw new UsageError('ERR_INVALID_STATE', text)
  }
  if (process.platform === 'win32' || existsSync('/dev/null')) return
  const text = 'There is no /dev/null here, and child processes need it. Make it (mknod -m 666 /dev/null c 1 3).'
  throw new ResourceError('ERR_RESOURCE', text, { errno: 'ENOENT', syscall: 'open' })
}

/** Why a processor does not fork unless it is asked to, as a clause; undefined if it does. Pure. */
export function whyNotByDefault(arch: string): string | undefined {
  if (SHOWN_PROCESSORS.includes(arch)) return undefined
  return (
    `forking on ${arch} is experimental: children hung in an emulated machine, for a reason that is not known ` +
    "(docs/PLATFORMS.md). The option startMethod: 'forkserver' forks all the same"
  )
}

/**
 * Chooses once for this process.
 * @param isAsked whether the user asks for `forkserver`, on a processor on which it is experimental, too
 * @throws UsageError ERR_INVALID_STATE; ResourceError ERR_RESOURCE
 */
export function chooseStartMethod(isAsked: boolean): Choice {
  checkSurroundings()
  choice ??= choose()
  const experimental = isAsked ? undefined : whyNotByDefault(process.arch)
  return experimental && choice.startMethod === 'forkserver' ? spawn(experimental) : choice
}
