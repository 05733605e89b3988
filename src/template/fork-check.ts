// Runs in: template. Finds what stands against a fork (threads, descriptors and handles of the event loop), and which
// module brought it. The first look is before any code of the user runs. Everything that comes later is the user's.
// A look after each module shows what that module brought.
import type { Finding } from '../errors.js'
import type { Native } from '../platform/native.js'
import inventory from './inventory.cjs'
import loaderHooks from './loader-hooks.cjs'

/** The threads and descriptors at one moment. */
export type Inventory = ReturnType<typeof inventory.takeInventory>

/** A suspicious thing may work with a fork; an impossible one does not. */
type Judgement = Pick<Finding, 'severity' | 'what'>

/** Something that is there now. */
interface Sighting extends Judgement {
  /** Names the thing. It stays the same if `what` changes: a thread gets its name a moment after it was started. */
  id: string
}

/** What happened when a thing appeared. */
interface Appearance {
  /** The module that was loaded or called; null if it was none of the preload. */
  module: string | null
  /** A clause, such as 'jobs.js was loaded'. */
  event: string
}

const impossible = (what: string): Judgement => ({ severity: 'impossible', what })
const suspicious = (what: string): Judgement => ({ severity: 'suspicious', what })

const WORKER_THREAD = impossible('a worker thread (node:worker_threads): every child would lack it')

const judgeThread = (name: string): Judgement =>
  impossible(
    `a thread (${name}): every child would lack it, with the locks that it holds. If it belongs to an addon, load ` +
      'the package in the job, or load it here and use it only in jobs',
  )

const EVENTPOLL = 'anon_inode:[eventpoll]'

/** The descriptors of the event loop of a worker thread. They end with the thread. */
const WORKER_DESCRIPTORS = [EVENTPOLL, 'anon_inode:[eventfd]', 'pipe:', 'pipe:']

/** Kinds of descriptors whose state in the kernel all children would share. */
const SHARED_KINDS = /^(inotify|eventpoll|io_uring.*)$/

function judgeDescriptor(target: string): Judgement {
  if (target.startsWith('socket:')) return impossible('an open socket, which every child would share')
  if (target.startsWith('pipe:')) return impossible('an open pipe, which every child would share')
  if (target.startsWith('anon_inode:')) {
    const kind = target.slice('anon_inode:'.length).replace(/[[\]]/g, '')
    const whose = kind === 'inotify' ? 'a file watcher' : 'of an addon or of an event loop of its own'
    const what = `an open ${kind} descriptor (${whose})`
    return SHARED_KINDS.test(kind) ? impossible(what) : suspicious(what)
  }
  if (/\.(db|sqlite3?)(-wal|-shm|-journal)?$/.test(target))
    return impossible(`the open database ${target}: sharing it with children corrupts it`)
  return suspicious(`the open file ${target}: children would share its offset and its locks`)
}

// Other handles belong to a descriptor or a thread, and are found there. Node itself has none of these kinds at its
// start. Signal listeners are no finding, because a child sets them up again as if it had loaded the module itself.
// Timers are no finding either: a ref'ed one keeps the loop busy, which is found before, and libuv's timer stays armed
// for unref'ed ones that were cleared long ago.
const HANDLES: Record<string, Judgement> = {
  fs_event: impossible('a file watcher (fs.watch)'),
  fs_poll: impossible('a file watcher (fs.watchFile)'),
  process: impossible('a child process that is still running: no child could wait for it'),
  udp: impossible('an open UDP socket'),
  poll: impossible('a descriptor that an addon watches on the event loop'),
}

/** The types of the active handles of the event loop, each once. */
function activeHandles(native: Native): Set<string> {
  const list = native.listHandles()
  const types = new Set<string>()
  for (let at = 0; at < list.length; at += 4) if (list[at + 1]) types.add(String(list[at]))
  return types
}

/** What keeps the event loop alive, in Node's words: 'Timeout', 'TCPSocketWrap', ... each with how many there are. */
function namesOfActive(): { name: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, count]) => ({ name, count }))
}

const activeId = (name: string): string => `active ${name}`

/** How long a finding must last, in milliseconds. */
const MOMENT_MS = 20
/** So many moments a thread that has just been started may wait for a processor. */
const MOST_MOMENTS = 100

function waitAMoment(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MOMENT_MS)
}

/** Finds what a template holds in addition to what Node itself holds. */
export class ForkCheck {
  readonly #native: Native
  readonly #first: Inventory
  /** By the id of the thing. */
  readonly #appearances = new Map<string, Appearance>()

  /** @param first the inventory from before any code of the user ran */
  constructor(native: Native, first: Inventory) {
    this.#native = native
    this.#first = first
  }

  /**
   * Notes everything that is new now.
   * @param event what happened since the last call, such as 'jobs.js was loaded'
   * @param module the module that was loaded or called
   */
  attributeNewTo(event: string, module: string | null): void {
    const active = namesOfActive().map(({ name }) => activeId(name))
    for (const id of [...this.#look().map((sighting) => sighting.id), ...active])
      if (!this.#appearances.has(id)) this.#appearances.set(id, { module, event })
  }

  /** Whether there is any finding now. */
  isAny(): boolean {
    return this.#look().length > 0
  }

  /**
   * The findings of now that are still there a moment later. Some things are short-lived: a thread of V8 opens a file
   * of /sys when it first meets a contended lock.
   */
  findings(): Finding[] {
    if (this.#look().length === 0) return []
    for (let moment = 0; moment < MOST_MOMENTS && inventory.isThreadStarting(this.#first); moment++) waitAMoment()
    const now = this.#look()
    if (now.length === 0) return []
    waitAMoment()
    const later = new Set(this.#look().map(({ id }) => id))
    return now.filter(({ id }) => later.has(id)).map((sighting) => this.#find(sighting))
  }

  /** What keeps the event loop busy now. */
  busy(): Finding[] {
    return namesOfActive().map(({ name, count }) => {
      const what = `${count > 1 ? `${name} (${count})` : name} keeps the event loop busy`
      return this.#find({ id: activeId(name), ...impossible(what) })
    })
  }

  #find({ id, severity, what }: Sighting): Finding {
    const { module = null, event } = this.#appearances.get(id) ?? {}
    return { module, what: event ? `${what} (appeared while ${event})` : what, severity }
  }

  #look(): Sighting[] {
    const now = inventory.takeInventory()
    const threads = [...now.threads].filter(([tid]) => !this.#first.threads.has(tid))
    const descriptors = [...now.descriptors].filter(([key]) => !this.#first.descriptors.has(key))
    // Since Node 24 a worker thread has a name of its own. Before, it has that of the main thread,
    // as other threads may.
    const mainName = now.threads.get(String(process.pid))
    const hasLoop = descriptors.some(([, target]) => target === EVENTPOLL)
    const isWorker = (name: string): boolean => name === 'WorkerThread' || (name === mainName && hasLoop)
    const findings: Sighting[] = []
    const hooks = loaderHooks.whyHooksCannotFork()
    if (hooks) findings.push({ id: 'loader hooks', ...impossible(hooks) })
    let hooksThreads = hooks ? 1 : 0 // the finding above speaks of it already
    const ofWorkers: string[] = []
    for (const [tid, name] of threads) {
      if (isWorker(name)) ofWorkers.push(...WORKER_DESCRIPTORS)
      if (isWorker(name) && hooksThreads-- > 0) continue
      findings.push({ id: `thread ${tid}`, ...(isWorker(name) ? WORKER_THREAD : judgeThread(name)) })
    }
    for (const [key, target] of descriptors) {
      const at = ofWorkers.findIndex((start) => target.startsWith(start))
      if (at >= 0) ofWorkers.splice(at, 1)
      else findings.push({ id: `descriptor ${key}`, ...judgeDescriptor(target) })
    }
    for (const type of activeHandles(this.#native)) {
      const judgement = HANDLES[type]
      if (judgement) findings.push({ id: `handle ${type}`, ...judgement })
    }
    return findings
  }
}
