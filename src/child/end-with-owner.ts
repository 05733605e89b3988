// Runs in: child of the start method `spawn`, if there is no addon, or no /proc, to hold the lifeline. Ends the child
// with its owner.
import { fstatSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

/** The code of a thread: the job in the main thread may loop for ever. */
const WATCH = `
const { Socket } = require('node:net')
const end = () => process.kill(process.pid, 'SIGKILL')
new Socket({ fd: require('node:worker_threads').workerData, readable: true }).on('error', end).on('end', end).resume()
`

/**
 * Kills this process when the other end of a socket, or of a pipe, closes. Only the owner holds that end. A child that
 * may outlive its owner has /dev/null instead.
 */
export function endWithOwner(fd: number): void {
  const file = fstatSync(fd)
  if (!file.isSocket() && !file.isFIFO()) return
  // Without the child's options of Node, so that modules of --import and NODE_OPTIONS are not loaded twice.
  new Worker(WATCH, { eval: true, workerData: fd, execArgv: [], env: {} }).unref()
}
