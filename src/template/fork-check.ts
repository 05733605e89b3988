// Runs in: template. What stands against a fork, and who brought it. Everything that was not there at the first look,
// before anything of the user's ran, is the user's: threads, descriptors, handles of the event loop. A look behind
// each module tells which module brought what.
import type { Native } from '../platform/native.js'
import inventory from './inventory.cjs'

/** What is there at one moment. */
export type Inventory = ReturnType<typeof inventory.takeInventory>

/** One thing that stands against a fork. A suspicious one may work; an impossible one does not. */
export interface Finding {
  /** Which thing. It stays the same, though the words may change: a thread names itself a moment after it was started. */
  id: string
  severity: 'impossible' | 'suspicious'
  /** What it is, and who brought it, if that is known. */
  what: string
}

type Judgement = Omit<Finding, 'id'>

const impossible = (what: string): Judgement => ({ severity: 'impossible', what })
const suspicious = (what: string): Judgement => ({ severity: 'suspicious', what })

const judgeThread = (name: string): Judgement =>
  impossible(`a thread (${name}): it would be missing in every child, with the locks that it holds`)

/** Kinds of descriptors of which all children would share the state in the kernel. */
const SHARED_KINDS = /^(inotify|eventpoll|io_uring.*)$/

function judgeDescriptor(target: string): Judgement {
  if (target.startsWith('socket:')) return impossible('an open socket, which every child would share')
  if (target.startsWith('pipe:')) return impossible('an open pipe, which every child would share')
  if (target.startsWith('anon_inode:')) {
    const kind = target.slice('anon_inode:'.length).replace(/[[\]]/g, '')
    const whose = kind === 'inotify' ? 'a file watcher' : 'of an addon or of a loop of its own'
    const what = `an open ${kind} descriptor (${whose})`
    return SHARED_KINDS.test(kind) ? impossible(what) : suspicious(what)
  }
  if (/\.(db|sqlite3?)(-wal|-shm|-journal)?$/.test(target))
    return impossible(`the open database ${target}: sharing it with children corrupts it`)
  return suspicious(`the open file ${target}: children would share its offset and its locks`)
}

// Other handles stand for a descriptor or a thread, and are found there. Node itself has none of these kinds at its
// start. Signal listeners are no finding: a child arms them again, as if it had loaded the module itself. Nor are
// timers: one that is ref'ed keeps the loop busy, which is found before, and libuv's timer stays armed for unref'ed
// ones that were cleared long ago.
const HANDLES: Record<string, Judgement> = {
  fs_event: impossible('a file watcher (fs.watch)'),
  fs_poll: impossible('a file watcher (fs.watchFile)'),
  process: impossible('a child process that is still running: no child could wait for it'),
  udp: impossible('an open UDP socket'),
  poll: impossible('a descriptor that an addon watches on the loop'),
}

/** The types of the active handles of the event loop, each once. */
function activeHandles(native: Native): Set<string> {
  const list = native.listHandles()
  const types = new Set<string>()
  for (let at = 0; at < list.length; at += 4) if (list[at + 1]) types.add(String(list[at]))
  return types
}

/** How far apart two looks at what stands against the fork are, in milliseconds. */
const MOMENT_MS = 20

/** What a template holds beyond what Node itself has, with who brought it. */
export class ForkCheck {
  readonly #native: Native
  readonly #first: Inventory
  /** Who brought a thing, by its id. */
  readonly #broughtBy = new Map<string, string>()

  /** @param first what was there before anything of the user's ran */
  constructor(native: Native, first: Inventory) {
    this.#native = native
    this.#first = first
  }

  /** Whatever is new now was brought by `module`. */
  attributeNewTo(module: string): void {
    for (const { id } of this.#look()) if (!this.#broughtBy.has(id)) this.#broughtBy.set(id, module)
  }

  /** What is there now, and still there a moment later: a thread of V8 opens a file of /sys when it first meets a contended lock. */
  findings(): Finding[] {
    const now = this.#look()
    if (now.length === 0) return now
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MOMENT_MS)
    const later = new Set(this.#look().map(({ id }) => id))
    return now
      .filter(({ id }) => later.has(id))
      .map(({ id, severity, what }) => {
        const module = this.#broughtBy.get(id)
        return { id, severity, what: module ? `${what} (appeared while ${module} was loaded)` : what }
      })
  }

  #look(): Finding[] {
    const { threads, descriptors } = inventory.takeInventory()
    const findings: Finding[] = []
    for (const [tid, name] of threads)
      if (!this.#first.threads.has(tid)) findings.push({ id: `thread ${tid}`, ...judgeThread(name) })
    for (const [key, target] of descriptors)
      if (!this.#first.descriptors.has(key)) findings.push({ id: `descriptor ${key}`, ...judgeDescriptor(target) })
    for (const type of activeHandles(this.#native)) {
      const judgement = HANDLES[type]
      if (judgement) findings.push({ id: `handle ${type}`, ...judgement })
    }
    return findings
  }
}
