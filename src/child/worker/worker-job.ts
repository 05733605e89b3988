// Runs in: child. The job of a Pool's worker: finds what the process shares with its owner, and serves tasks
// (task-loop.ts).
import { setImmediate } from 'node:timers' // a task may put its own timers in place of the global ones
import { native } from '../../platform/native.js'
import { Ledger } from '../../wire/worker/ledger.js'
import { type OneTaskSetup, WORKER_DESCRIPTORS, type WorkerSetup } from '../../wire/worker/worker-messages.js'
import { BlockReceiver, BlockSender } from '../../worker-channel/blocks.js'
import { RingChannel } from '../../worker-channel/ring-channel.js'
import { SocketChannel } from '../../worker-channel/socket-channel.js'
import { mapMemory, outputReads, TO_OWNER, TO_WORKER } from '../../worker-channel/worker-memory.js'
import { becomeWorker } from '../api/worker-info.js'
import { ownChannel } from '../job-channel.js'
import { CapturedOutput, type OutputSite } from './captured-output.js'
import { CurrentTask } from './current-task.js'
import { runOneTask } from './one-task.js'
import { serveTasks, type WorkerSite } from './task-loop.js'

/** A task that does nothing, for rehearsals. */
export const rehearsal = <T>(value: T): T => value

type Shared = Pick<WorkerSite, 'ledger' | 'blocks' | 'connect'> & { output: OutputSite }

function findShared(sharesMemory: boolean): Shared {
  const { channel } = WORKER_DESCRIPTORS
  if (!sharesMemory) {
    return { ledger: new Ledger(), connect: (listener) => new SocketChannel(channel, listener), output: {} }
  }
  const addon = native()
  // Programs close low descriptors twice by mistake, or close a range of them to be sure. If that closed the
  // descriptors of this worker, it could not wake its owner any more.
  const [memory, ownEvent, peerEvent] = [
    addon.raiseDescriptor(WORKER_DESCRIPTORS.memory),
    addon.raiseDescriptor(WORKER_DESCRIPTORS.workerEvent),
    addon.raiseDescriptor(WORKER_DESCRIPTORS.ownerEvent),
  ]
  const bytes = mapMemory(addon, memory)
  const rings = { incoming: TO_WORKER, outgoing: TO_OWNER, ownEvent, peerEvent }
  return {
    ledger: new Ledger(bytes),
    blocks: { out: new BlockSender(addon, memory, 'worker'), in: new BlockReceiver(addon, memory, 'owner') },
    connect: (listener) => new RingChannel(addon, { bytes, ...rings, closesEvents: true }, listener),
    output: { reads: outputReads(bytes), unreadBytes: () => addon.unreadBytes(1, 2) },
  }
}

/**
 * Serves tasks until the owner says that no more come. Then the process leaves by process.exit(): a timer that a task
 * left behind must not keep it.
 *
 * @returns a promise that only rejects: with the reason why the worker cannot go on
 */
export async function work({ sharesMemory, isCaptured, id, name, ...setup }: WorkerSetup): Promise<void> {
  const task = new CurrentTask({ id, name })
  becomeWorker(task)
  if (name !== undefined) process.title = name
  const { output, ...shared } = findShared(sharesMemory)
  const leave = (exitCode?: number): void => process.exit(exitCode)
  const { promise, fail } = failure(leave)
  await serveTasks(
    { ...shared, captured: isCaptured ? new CapturedOutput(output) : undefined, task, leave, fail },
    setup,
  )
  return promise
}

/** Runs the one task of a worker, and leaves. */
export async function workOnce(setup: OneTaskSetup): Promise<void> {
  const { id, name } = setup
  const task = new CurrentTask({ id, name })
  becomeWorker(task)
  if (name !== undefined) process.title = name
  const channel = ownChannel()
  await runOneTask({ task, send: (message) => channel.send('worker', message), leave: () => process.exit() }, setup)
}

/** Sends the error to the owner over the job channel, as the error of any job. Then the process leaves. */
function failure(leave: (exitCode: number) => void): { promise: Promise<never>; fail: (error: Error) => void } {
  let fail: (error: Error) => void = () => {}
  const promise = new Promise<never>((_, reject) => {
    fail = (error) => {
      reject(error)
      setImmediate(() => leave(1))
    }
  })
  promise.catch(() => {}) // the initializer may still run
  return { promise, fail }
}
