// Runs in: template. A child that has not ended, and signals to it. The template has not reaped it, so no other process
// can have its pid or the number of its process group.
import os from 'node:os'

/** A child that has not ended. */
export interface LivingChild {
  readonly pid: number
  /** Whether signals go to its whole process group, and the rest of the group ends with it. */
  readonly isTree: boolean
  readonly isDetached: boolean
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
