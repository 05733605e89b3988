// Runs in: owner. Child processes of an owner that is a worker thread.
import type { ChildProcess } from 'node:child_process'
import { isMainThread } from 'node:worker_threads'
import { findNative } from '../../platform/native.js'

/**
 * If this thread is terminated, libuv no longer waits for its child processes. The addon then waits for this one, so
 * that it does not stay as a zombie. Without the addon it does, until the whole process ends.
 */
export function reapWithThread(child: ChildProcess): void {
  const found = findNative()
  const { pid } = child
  if (isMainThread || pid === undefined || 'missing' in found) return
  found.native.reapAtEnd(pid)
  child.once('exit', () => found.native.hasExited(pid))
}
