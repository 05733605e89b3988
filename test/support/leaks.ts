// Runs in: the test runner. Every test file that starts processes calls watchLeaks(): when its tests are over, no
// process is left and no descriptor is open that was not open before.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { after, before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SLOWNESS } from './slowness.js'

/** Processes and descriptors have this long to go away, in milliseconds: a busy machine starts Node in seconds. */
const LIMIT_MS = 30_000 * SLOWNESS
const STEP_MS = 20

/**
 * The fields of /proc/<pid>/stat that matter here, or null if the process is gone. A zombie is gone but for its
 * parent's wait.
 */
function readStat(pid: string): { ppid: number; session: number; state: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ppid, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: state!, ppid: Number(ppid), session: Number(session) }
  } catch {
    return null
  }
}

/** All living descendants of a process, this one by default, as 'pid command'. */
export function descendants(root = process.pid): string[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(name) : null
    if (stat && stat.state !== 'Z') parents.set(Number(name), stat.ppid)
  }
  const found = new Set([root])
  for (let size = 0; size !== found.size; ) {
    size = found.size
    for (const [pid, ppid] of parents) if (found.has(ppid)) found.add(pid)
  }
  found.delete(root)
  return [...found].map((pid) => {
    try {
      return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`
    } catch {
      return String(pid)
    }
  })
}

/** Children of this process that have ended and that nobody has waited for. */
function zombies(): string[] {
  return readdirSync('/proc').filter((name) => {
    const stat = /^\d+$/.test(name) ? readStat(name) : null
    return stat?.state === 'Z' && stat.ppid === process.pid
  })
}

/** The open descriptors of this process, as 'fd target'. */
export function openDescriptors(): string[] {
  const list: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      list.push(`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`)
    } catch {} // the one that readdir itself had open
  }
  return list
}

/** Whether a process lives; a zombie does not, once the last of its threads is gone, and its descriptors with it. */
export function isAlive(pid: number): boolean {
  const stat = readStat(String(pid))
  if (stat?.state !== 'Z') return stat !== null
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1
  } catch {
    return false // it was waited for since
  }
}

/** Waits until `isTrue`; returns whether it came true in time. The limit is that of a machine of usual speed. */
export async function until(isTrue: () => boolean, limitMs = LIMIT_MS): Promise<boolean> {
  for (const end = performance.now() + limitMs * SLOWNESS; performance.now() < end; await sleep(STEP_MS))
    if (isTrue()) return true
  return isTrue()
}

/** Checks, when the tests of this file are over, that they left nothing behind. */
export function watchLeaks(): void {
  let descriptorsBefore: Set<string>
  let processesBefore: Set<string>
  before(() => {
    descriptorsBefore = new Set(openDescriptors())
    processesBefore = new Set(descendants())
  })
  after(async () => {
    const processes = (): string[] => descendants().filter((line) => !processesBefore.has(line))
    // io_uring and epoll of Node come and go by themselves; what the product opens is a socket, a pipe or a file.
    const descriptors = (): string[] =>
      openDescriptors().filter((line) => !descriptorsBefore.has(line) && !line.includes('anon_inode:'))
    await until(() => processes().length === 0 && descriptors().length === 0 && zombies().length === 0)
    assert.deepEqual(processes(), [], 'processes are left')
    assert.deepEqual(descriptors(), [], 'descriptors are left open') // memory files are among them
    assert.deepEqual(zombies(), [], 'nobody waited for these')
  })
}
