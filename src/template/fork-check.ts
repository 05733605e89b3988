// Runs in: template. Counts what a fork would duplicate or lose: threads, descriptors, handles of the event loop. A census before
// the preload and one behind each module tell what is new, and which module brought it.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Native } from '../platform/native.js'

/** What is there at one moment. Values are human words for the thing. */
export interface Census {
  threads: Map<string, string>
  descriptors: Map<string, string>
  handles: Map<string, number>
}

/** One thing that stands against a fork. A suspicious one may work; an impossible one does not. */
export interface Finding {
  /** Which thing: the same in every census, though its words may change (a thread names itself a moment after it was started). */
  id: string
  severity: 'impossible' | 'suspicious'
  /** What it is, without who brought it. */
  what: string
}

/**
 * What libuv calls the threads of its pool, where it names them (Node 22 and later). They start with the first asynchronous work, and
 * may be there: they sleep, and a child's libuv makes its pool anew. Node 20 has them before the first census, because it loads modules by them.
 */
const POOL_THREAD = 'libuv-worker'

function readThreads(): Map<string, string> {
  const threads = new Map<string, string>()
  for (const tid of readdirSync('/proc/self/task')) {
    try {
      const name = readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim()
      if (name !== POOL_THREAD) threads.set(tid, name)
    } catch {} // it ended since
  }
  return threads
}

function readDescriptors(): Map<string, string> {
  const descriptors = new Map<string, string>()
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      // It has no offset and no locks to share. libuv opens one with a loop's first stream, to be able to close it where descriptors run out.
      if (target !== '/dev/null') descriptors.set(`${fd} ${target}`, target)
    } catch {} // the one that readdir itself had open
  }
  return descriptors
}

function readHandles(native: Native): Map<string, number> {
  const handles = new Map<string, number>()
  const list = native.listHandles()
  for (let at = 0; at < list.length; at += 4) {
    const [type, isActive] = list.slice(at, at + 2)
    if (isActive) handles.set(String(type), (handles.get(String(type)) ?? 0) + 1)
  }
  return handles
}

/** Counts what is there now. */
export function takeCensus(native: Native): Census {
  return { threads: readThreads(), descriptors: readDescriptors(), handles: readHandles(native) }
}

type Judgement = Omit<Finding, 'id'>

function judgeDescriptor(target: string): Judgement {
  if (target.startsWith('socket:'))
    return { severity: 'impossible', what: 'an open socket, which every child would share' }
  if (target.startsWith('pipe:')) return { severity: 'impossible', what: 'an open pipe, which every child would share' }
  if (target.startsWith('anon_inode:')) {
    const kind = target.slice('anon_inode:'.length).replace(/[[\]]/g, '')
    const severity =
      kind === 'inotify' || kind === 'eventpoll' || kind.startsWith('io_uring') ? 'impossible' : 'suspicious'
    return {
      severity,
      what: `an open ${kind} descriptor (${kind === 'inotify' ? 'a file watcher' : 'of an addon or a loop of its own'})`,
    }
  }
  if (/\.(db|sqlite3?)(-wal|-shm|-journal)?$/.test(target)) {
    return { severity: 'impossible', what: `the open database ${target}: sharing it with children corrupts it` }
  }
  return { severity: 'suspicious', what: `the open file ${target}: children would share its offset and its locks` }
}

// Handles that stand for a descriptor or a thread are found there; what is left is what only the loop knows. Signal listeners are
// no finding: a child re-arms them, as if it had loaded the module itself. Nor are timers: one that is ref'ed keeps the loop from
// getting empty, which is found before, and libuv's timer stays armed for unref'ed ones that were cleared long ago.
const HANDLES: Record<string, Judgement> = {
  fs_event: { severity: 'impossible', what: 'a file watcher (fs.watch)' },
  fs_poll: { severity: 'impossible', what: 'a file watcher (fs.watchFile)' },
  process: {
    severity: 'impossible',
    what: 'a child process that is still running: nobody could wait for it in a child',
  },
  udp: { severity: 'impossible', what: 'an open UDP socket' },
  poll: { severity: 'impossible', what: 'a descriptor that an addon watches on the loop' },
}

/** What is in `now` and was not in `before`. */
export function compareCensus(before: Census, now: Census): Finding[] {
  const findings: Finding[] = []
  for (const [tid, name] of now.threads) {
    if (!before.threads.has(tid))
      findings.push({
        id: `thread ${tid}`,
        severity: 'impossible',
        what: `a thread (${name}): it would be missing in every child, with the locks it holds`,
      })
  }
  for (const [key, target] of now.descriptors)
    if (!before.descriptors.has(key)) findings.push({ id: `descriptor ${key}`, ...judgeDescriptor(target) })
  for (const [type, count] of now.handles) {
    const finding = HANDLES[type]
    if (finding && count > (before.handles.get(type) ?? 0)) findings.push({ id: `handle ${type}`, ...finding })
  }
  return findings
}
