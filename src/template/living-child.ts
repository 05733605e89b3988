// Runs in: template. A child that has not ended, and signals to it. The template has not reaped it, so its pid and the
// number of its process group are still its own.
import os from 'node:os'

/** A child that has not ended. */
export interface LivingChild {
  readonly pid: number
  /** Whether signals are for its whole process group, and what is left of the group ends with it. */
  readonly isTree: boolean
  readonly isDetached: boolean
}

/** Sends a signal to a child, or to its whole process group. */
export function signalChild({ pid, isTree }: LivingChild, signal: number): void {
  if (isTree && send(-pid, signal)) return
  send(pid, signal) // a child that was forked just now leads no group yet, and has started nothing
}

/** Ends what is left of the process group of a child that has one. */
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
