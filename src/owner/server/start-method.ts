// Runs in: owner and template. Whether this machine and this Node can be forked.
import { findNative, type Native } from '../../platform/native.js'

/** How processes start: forked from a template, or as new Node processes. */
export type StartMethod = 'forkserver' | 'spawn'

/** The start method that works here; for `spawn` with the reason. */
export type Choice = { startMethod: 'forkserver'; native: Native } | { startMethod: 'spawn'; reason: string }

/** Processors on which docs/FORK_SAFETY.md has measurements. */
const MEASURED_ARCHITECTURES = ['x64']
/**
 * Flags of Node that make no template. Most start threads of their own or keep files open; --watch and --test run the program in another
 * process; others run no program.
 */
const REFUSED_FLAGS =
  /^(--(inspect|cpu-prof|heap-prof|prof$|trace-event|experimental-loader|loader|watch|test$|run$|check$|eval$|print$|interactive$)|-[ceip]$)/

function glibcVersion(): string | undefined {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header?.glibcVersionRuntime
}

let choice: Choice | undefined

function choose(): Choice {
  const found = findNative()
  if ('missing' in found) return { startMethod: 'spawn', reason: found.missing }
  if (!MEASURED_ARCHITECTURES.includes(process.arch))
    return { startMethod: 'spawn', reason: `forking was not measured on ${process.arch}` }
  if (!glibcVersion())
    return { startMethod: 'spawn', reason: 'forking was measured with glibc only, and this is another libc' }
  Math.random() // its state is looked at, and is made by the first call
  const missing = found.native.findPlatform()
  if (missing) return { startMethod: 'spawn', reason: `Node ${process.version} lacks ${missing}, which a fork needs` }
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
