// Runs in: owner. Warns once which flags of its owner a template does not have, and says what to do instead.
import type { NodeFlags } from './node-flags.js'

let hasWarned = { inspector: false, profiler: false }

/** The warnings are process warnings with the codes FORKSERVER_INSPECT and FORKSERVER_PROFILE. */
export function warnOfLeftOutFlags({ leftOut }: NodeFlags): void {
  const { inspector, profiler } = leftOut
  if (inspector.length > 0 && !hasWarned.inspector) {
    hasWarned = { ...hasWarned, inspector: true }
    const text =
      `The debugger does not see forked processes: they are started without ${inspector.join(' ')}. ` +
      "To debug a job, call inspector.open(0) in it, or start the server with startMethod: 'spawn' " +
      '(docs/DEBUGGING.md).'
    process.emitWarning(text, { code: 'FORKSERVER_INSPECT' })
  }
  if (profiler.length > 0 && !hasWarned.profiler) {
    hasWarned = { ...hasWarned, profiler: true }
    const text =
      `Forked processes are not profiled: they are started without ${profiler.join(' ')}. ` +
      "To profile a job, use a session of node:inspector in it, or start the server with startMethod: 'spawn'."
    process.emitWarning(text, { code: 'FORKSERVER_PROFILE' })
  }
}
