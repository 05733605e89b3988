// Runs in: owner. Its end of Node's IPC channel to a forked child. Node sets the channel up only for a ChildProcess
// that it spawns, so this is one whose handle spawns nothing: it opens the channel on a descriptor.
import { ChildProcess } from 'node:child_process'
import type { Serialization } from '../../wire/job.js'

/** One entry of stdio, as a ChildProcess gives it to its handle. */
interface StdioEntry {
  ipc?: boolean
  handle?: { open(fd: number): void }
}

/** Undocumented parts of ChildProcess, in Node 20, 22, 24 and 26. */
interface Internals {
  _handle: object
  spawn(options: object): void
}

/**
 * Opens the owner's end.
 *
 * @param fd belongs to the channel from here on
 * @returns only its IPC is in use: send(), disconnect(), 'message', 'disconnect' and 'error'
 */
export function openIpc(fd: number, serialization: Serialization = 'json'): ChildProcess {
  const peer = new ChildProcess()
  const internals = peer as unknown as Internals
  internals._handle = {
    // Node 24 passes stdio as the fifth argument, and Node up to 22 as a property of the only one.
    spawn: (...args: readonly unknown[]): number => {
      const stdio = (args[4] ?? (args[0] as { stdio: unknown }).stdio) as readonly StdioEntry[]
      stdio.find(({ ipc }) => ipc)!.handle!.open(fd)
      return 0
    },
  }
  internals.spawn({
    file: process.execPath,
    args: [],
    envPairs: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization,
  })
  return peer
}
