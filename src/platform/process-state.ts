// Runs in: owner and template. Reads the state of another process from /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** The fields of /proc/<pid>/stat from the third on, or undefined if the process is gone or /proc does not show it. */
function readStat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ') // the second field is a name, which may hold spaces
  } catch {
    return undefined
  }
}

/** Whether a process has ended. Its parent may not have waited for it yet. True if /proc does not show the process. */
export function hasEnded(pid: number): boolean {
  const state = readStat(pid)?.[0]
  return state === undefined || state === 'Z' || state === 'X'
}

// Positions in the fields of readStat(). Source: proc_pid_stat(5).
const PARENT_FIELD = 1
const WORK_FIELDS = [7, 9, 11, 12] // minor faults, major faults, processor time in user mode, in the kernel

/**
 * A measure of the work that a process has done: it changes as long as the process computes or reads its memory back
 * from a disk. Undefined if /proc does not show the process.
 */
export function workDone(pid: number): string | undefined {
  const fields = readStat(pid)
  return fields && WORK_FIELDS.map((index) => fields[index]).join(' ')
}

// Linux reports these two fields in hundredths of a second, whatever its own clock.
const PROCESSOR_FIELDS = [11, 12]
const MS_PER_TICK = 10

/**
 * The processor time that a process has used, in milliseconds. Undefined if /proc does not show the process.
 */
export function processorMs(pid: number): number | undefined {
  const fields = readStat(pid)
  return fields && PROCESSOR_FIELDS.reduce((sum, index) => sum + Number(fields[index]), 0) * MS_PER_TICK
}

/** The resident set size of a process, in bytes: 0 if it has ended, undefined if /proc does not show it. */
export function rssOf(pid: number): number | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1')
  } catch {
    return isGone(pid) ? 0 : undefined
  }
  // A process that has ended, and that its parent has not waited for yet, has no such line.
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? []
  return Number(kilobytes) * 1024
}

/** Whether no process of this pid namespace has this pid. One of another user counts as a process. */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Kills a process and all its descendants. Each is stopped first, so that it starts no others meanwhile. */
export function killTree(root: number): void {
  signalIfThere(root, 'SIGSTOP')
  const tree = new Set([root])
  const others = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
  for (let size = 0; size !== tree.size; ) {
    size = tree.size
    for (const pid of others) if (tree.has(Number(readStat(pid)?.[PARENT_FIELD]))) tree.add(pid)
  }
  for (const pid of tree) signalIfThere(pid, 'SIGKILL')
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {} // it ended meanwhile
}
