// Runs in: template. A child that has not ended, and signals to it. The template has not reaped it, so no other process
// can have its pid or the number of its process group.
import os from 'node:os'
import { FLAG_DETACHED, FLAG_KILL_TREE, FLAG_OUTLIVES } from '../wire/control-codec.js'

/** A child that has not ended. */
export interface LivingChild {
  readonly pid: number
  /** Whether signals go to its whole process group, and the rest of the group ends with it. */
  readonly isTree: boolean
  readonly isDetached: boolean
}

/** What the flags of a `fork` say. `hasSession`, 1 or 0: whether the child leads a session of its own. */
export function natureOf(flags: number): { hasSession: number; isDetached: boolean; isTree: boolean } {
  return {
    hasSession: (flags & (FLAG_DETACHED | FLAG_KILL_TREE)) !== 0 ? 1 : 0,
    isDetached: (flags & (FLAG_DETACHED | FLAG_OUTLIVES)) !== 0,
    isTree: (flags & FLAG_KILL_TREE) !== 0,
  }
}

/** Sends a signal to a child, or to its whole process group. */
export function signalChild({ pid, isTree }: LivingChild, signal: number): void {
  if (isTree && send(-pid, signal)) return
  send(pid, signal) // a child that was forked just now leads no group yet, and has started no process
}

/** Kills the rest of the process group of a child that has one. */
export function endTree(child: LivingChild): void {
  if (child.isTree) signalChild(child, os.constants.signals.SIGKILL)
}

function send(target: number, signal: number): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    return false // EPERM: the child has changed its user; ESRCH
  }
}
