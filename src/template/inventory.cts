// Runs in: template. What a fork would duplicate or lose, as the kernel lists it: threads and descriptors. The first
// inventory is taken before Node runs anything of the user's (main/first-look.cts). That is why this file is
// CommonJS: it runs under --require, which in Node 20 takes no ES module.
import fs = require('node:fs')

/** What is there at one moment, by an id that stays the same. Values are words for the thing. */
interface Inventory {
  threads: Map<string, string>
  descriptors: Map<string, string>
}

/**
 * What libuv calls the threads of its pool, if it names them (since libuv 1.50). They start with the first asynchronous work,
 * and they may be there: they sleep, and a child's libuv makes its pool anew.
 */
const POOL_THREAD = 'libuv-worker'

/** One thread, by its id and by the name that it gives itself a moment after it was started. */
function readThreads(): Map<string, string> {
  const threads = new Map<string, string>()
  for (const tid of fs.readdirSync('/proc/self/task')) {
    try {
      const name = fs.readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim()
      if (name !== POOL_THREAD) threads.set(tid, name)
    } catch {} // it ended since
  }
  return threads
}

function readDescriptors(): Map<string, string> {
  const descriptors = new Map<string, string>()
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${fd}`)
      // /dev/null has no offset and no locks to share. libuv opens it with a loop's first stream, to be able to close
      // it if descriptors run out.
      if (target !== '/dev/null') descriptors.set(`${fd} ${target}`, target)
    } catch {} // the one that readdir itself had open
  }
  return descriptors
}

/** Lists what is there now. */
function takeInventory(): Inventory {
  return { threads: readThreads(), descriptors: readDescriptors() }
}

/** Whether this version of libuv names the threads of its pool. */
function namesPoolThreads(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  return major! > 1 || minor! >= 50
}

let first: Inventory | undefined

/** Takes the first inventory: what is there is Node's own. */
function takeFirstInventory(): void {
  // Node 20 starts libuv's pool when it loads the first ES module, and its libuv does not name the threads. So they
  // start here. The work itself does not matter.
  if (!namesPoolThreads(process.versions.uv)) fs.stat('/', () => {})
  first = takeInventory()
}

/** The first inventory, or undefined if nobody took it: this Node did not heed NODE_OPTIONS. */
function firstInventory(): Inventory | undefined {
  return first
}

export = { takeInventory, takeFirstInventory, firstInventory }
