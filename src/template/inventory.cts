// Runs in: template. Lists what a fork would lose or duplicate: the threads and descriptors that the kernel reports.
// The first inventory is taken before Node runs any code of the user (main/first-look.cts). This file is CommonJS
// because it runs under --require, which takes no ES module in Node 20.
import fs = require('node:fs')

/** The threads and descriptors at one moment. The keys are ids that stay the same, the values describe them. */
interface Inventory {
  threads: Map<string, string>
  descriptors: Map<string, string>
}

/**
 * The name that libuv gives the threads of its pool (since libuv 1.50). They start with the first asynchronous work.
 * They do not stand against a fork: they sleep, and libuv makes a new pool in a child.
 */
const POOL_THREAD = 'libuv-worker'

/** One thread, by its id and by the name that it gives itself a moment after it was started. */
function readThreads(): Map<string, string> {
  const threads = new Map<string, string>()
  for (const tid of fs.readdirSync('/proc/self/task')) {
    try {
      const name = fs.readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim()
      if (name !== POOL_THREAD) threads.set(tid, name)
    } catch {} // it ended meanwhile
  }
  return threads
}

/**
 * Whether a thread beyond those of this inventory has not named itself yet: it has the name of the main thread, and
 * waits for a processor. On a busy machine that can take long, and until then a thread of libuv's pool looks like any.
 */
function isThreadStarting({ threads: known }: Inventory): boolean {
  const nameOf = (tid: string): string => fs.readFileSync(`/proc/self/task/${tid}/comm`, 'utf8')
  const main = nameOf(String(process.pid))
  return fs.readdirSync('/proc/self/task').some((tid) => {
    if (known.has(tid)) return false
    try {
      const stat = fs.readFileSync(`/proc/self/task/${tid}/stat`, 'latin1')
      return nameOf(tid) === main && stat.slice(stat.lastIndexOf(')') + 2).startsWith('R')
    } catch {
      return false // it ended meanwhile
    }
  })
}

function readDescriptors(): Map<string, string> {
  const descriptors = new Map<string, string>()
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${fd}`)
      // /dev/null has no offset and no locks to share. libuv opens it with a loop's first stream, to be able to close
      // it if descriptors run out.
      if (target !== '/dev/null') descriptors.set(`${fd} ${target}`, target)
    } catch {} // the descriptor that readdir itself had open
  }
  return descriptors
}

/** Lists the threads and descriptors of now. */
function takeInventory(): Inventory {
  return { threads: readThreads(), descriptors: readDescriptors() }
}

/** Whether this version of libuv names the threads of its pool. */
function namesPoolThreads(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  return major! > 1 || minor! >= 50
}

let first: Inventory | undefined

/** Takes the first inventory: everything in it is Node's own. */
function takeFirstInventory(): void {
  // Node 20 starts libuv's pool when it loads the first ES module, and its libuv does not name the threads. So they
  // start here. The work itself does not matter.
  if (!namesPoolThreads(process.versions.uv)) fs.stat('/', () => {})
  first = takeInventory()
}

/** The first inventory, or undefined if it was not taken because this Node ignores NODE_OPTIONS. */
function firstInventory(): Inventory | undefined {
  return first
}

export = { takeInventory, takeFirstInventory, firstInventory, isThreadStarting }
