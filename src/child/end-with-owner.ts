// Runs in: child of the start method `spawn`, if there is no addon to hold the lifeline. Ends the child with its owner.
import { fstatSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

/** The code of a thread: the job in the main thread may loop for ever. */
const WATCH = `
const { Socket } = require('node:net')
const end = () => process.kill(process.pid, 'SIGKILL')
new Socket({ fd: require('node:worker_threads').workerData, readable: true }).on('error', end).on('end', end).resume()
`

/**
 * Kills this process when the other end of a socket closes. Only the owner holds that end. A child that may outlive
 * its owner has /dev/null instead of the socket.
 */
export function endWithOwner(fd: number): void {
  if (!fstatSync(fd).isSocket()) return
  // Without the child's options of Node, so that modules of --import and NODE_OPTIONS are not loaded twice.
  new Worker(WATCH, { eval: true, workerData: fd, execArgv: [], env: {} }).unref()
}
