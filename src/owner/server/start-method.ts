// Runs in: owner. Whether an owner on this machine can have a template at all. Whether this Node can be forked is the
// template's to find out (template/trial-fork.ts): an owner may be a worker thread, or run under any flags.
import { existsSync } from 'node:fs'
import { findNative, type Native } from '../../platform/native.js'

/** How processes start: forked from a template, or as new Node processes. */
export type StartMethod = 'forkserver' | 'spawn'

/** The start method that works here; for `spawn` with the reason, as a clause. */
export type Choice = { startMethod: 'forkserver'; native: Native } | { startMethod: 'spawn'; reason: string }

/** Processors on which docs/FORK_SAFETY.md has measurements. */
const MEASURED_ARCHITECTURES = ['x64']
/** Majors of Node that were measured. On any other, the trial fork of each template decides alone. */
const TESTED_MAJORS = [20, 22, 24, 26]

/** Flags with which Node starts threads of its own, keeps files open, or runs something else than the template. */
const REFUSED_FLAGS =
  /^(--(inspect|cpu-prof|heap-prof|prof$|trace-event|experimental-loader|loader|watch|test$|test=|check$|eval|print|interactive|run$|run=|build-snapshot|version$|help$|v8-options$)|-[cepivh]$|-pe$)/

function glibcVersion(): string | undefined {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header?.glibcVersionRuntime
}

let choice: Choice | undefined

const spawn = (reason: string): Choice => ({ startMethod: 'spawn', reason })

function choose(): Choice {
  const found = findNative()
  if ('missing' in found) return spawn(found.missing)
  if (!MEASURED_ARCHITECTURES.includes(process.arch)) return spawn(`forking was not measured on ${process.arch}`)
  if (!existsSync('/proc/self/task'))
    return spawn(
      '/proc is not mounted here, or shows the processes of another pid namespace; forkserver reads there what the threads of a template do (mount -t proc proc /proc)',
    )
  if (!glibcVersion()) return spawn('forking was measured with glibc only, and this is another libc')
  const major = Number(process.versions.node.split('.')[0])
  if (!TESTED_MAJORS.includes(major))
    process.emitWarning(
      `forkserver was tested with Node ${TESTED_MAJORS.join(', ')}, and this is ${process.version}. ` +
        'Each template makes a trial fork before it is ready; if that fails, processes are spawned.',
      { code: 'FORKSERVER_UNTESTED_NODE' },
    )
  return { startMethod: 'forkserver', native: found.native }
}

/** Chooses once for this process. */
export function chooseStartMethod(): Choice {
  choice ??= choose()
  return choice
}

/** The first flag that a template must not have, or undefined. */
export function findRefusedFlag(execArgv: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const fromEnvironment = (env.NODE_OPTIONS ?? '').split(/\s+/)
  return [...execArgv, ...fromEnvironment].find((flag) => REFUSED_FLAGS.test(flag))
}
