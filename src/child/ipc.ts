// Runs in: forked child. Opens Node's IPC channel, as Node does at the start of a process that has NODE_CHANNEL_FD in
// its environment. A forked child is told by its job instead, so the variables are never there. Spawned children have
// the channel from Node.
import childProcess from 'node:child_process'
import { createRequire } from 'node:module'
import type { Serialization } from '../wire/job.js'

/** Undocumented parts of Node, in Node 20, 22, 24 and 26. */
interface Internals {
  _forkChild(fd: number, serialization: Serialization): void
}

/** Gives `process` its send(), disconnect(), connected and channel, and the events 'message' and 'disconnect'. */
export function openIpc({ fd, serialization }: { fd: number; serialization: Serialization }): void {
  // Only listeners that come later are counted. An open channel with a listener keeps the process alive, also if the
  // listener is the template's.
  const listeners = process.listenerCount('message') + process.listenerCount('disconnect')
  ;(childProcess as unknown as Internals)._forkChild(fd, serialization)
  const control = process.channel as unknown as { refCounted(): void }
  for (let i = 0; i < listeners; i++) control.refCounted()
  if (process.env.NODE_UNIQUE_ID) joinCluster()
}

// As Node does at its start. `cluster` is the worker's side of it only if it is loaded while the variable is there.
function joinCluster(): void {
  const { _setupWorker: setupWorker } = createRequire(import.meta.url)('node:cluster') as { _setupWorker?(): void }
  setupWorker?.()
  delete process.env.NODE_UNIQUE_ID
}
