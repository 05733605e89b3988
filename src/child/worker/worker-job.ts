// Runs in: child. The job of a Pool's worker: finds what the process shares with its owner, and serves tasks
// (task-loop.ts).
import { setImmediate } from 'node:timers' // a task may put its own timers in place of the global ones
import { type Native, native } from '../../platform/native.js'
import { Ledger } from '../../wire/worker/ledger.js'
import { type OneTaskSetup, WORKER_DESCRIPTORS, type WorkerSetup } from '../../wire/worker/worker-messages.js'
import { BlockReceiver, BlockSender } from '../../worker-channel/blocks.js'
import { RingChannel, type RingSite } from '../../worker-channel/ring-channel.js'
import { SocketChannel } from '../../worker-channel/socket-channel.js'
import type { Channel, ChannelListener } from '../../worker-channel/worker-channel.js'
import { mapMemory, outputReads, TO_OWNER, TO_WORKER } from '../../worker-channel/worker-memory.js'
import { becomeWorker } from '../api/worker-info.js'
import { type ChildChannel, ownChannel } from '../job-channel.js'
import { CapturedOutput, type OutputSite } from './captured-output.js'
import { CurrentTask } from './current-task.js'
import { runOneTask } from './one-task.js'
import { serveTasks, type WorkerSite } from './task-loop.js'

/** A task that does nothing, for rehearsals. */
export const rehearsal = <T>(value: T): T => value

type Shared = Pick<WorkerSite, 'ledger' | 'blocks' | 'connect'> & { output: OutputSite }

/** What a worker shares with its owner. */
export type SharedWithOwner = Pick<RingSite, 'bytes' | 'ownEvent' | 'peerEvent'> & { memory: number }

/** Where a worker runs: in a process of its own, or in a rehearsal. */
export interface WorkerPlace {
  native(): Native
  open(native: Native): SharedWithOwner
  connect(native: Native, site: RingSite, listener: ChannelListener): Channel
  become(task: CurrentTask): void
  leave(exitCode?: number): void
}

/** This process. */
const HERE: WorkerPlace = {
  native,
  open(addon) {
    // Programs close low descriptors twice by mistake, or close a range of them to be sure. If that closed the
    // descriptors of this worker, it could not wake its owner any more.
    const memory = addon.raiseDescriptor(WORKER_DESCRIPTORS.memory)
    const ownEvent = addon.raiseDescriptor(WORKER_DESCRIPTORS.workerEvent)
    const peerEvent = addon.raiseDescriptor(WORKER_DESCRIPTORS.ownerEvent)
    return { bytes: mapMemory(addon, memory), memory, ownEvent, peerEvent }
  },
  connect: (addon, site, listener) => new RingChannel(addon, site, listener),
  become: becomeWorker,
  leave: (exitCode) => process.exit(exitCode),
}

function findShared(place: WorkerPlace, sharesMemory: boolean): Shared {
  const { channel } = WORKER_DESCRIPTORS
  if (!sharesMemory) {
    return { ledger: new Ledger(), connect: (listener) => new SocketChannel(channel, listener), output: {} }
  }
  const addon = place.native()
  const { bytes, memory, ownEvent, peerEvent } = place.open(addon)
  const site = { bytes, incoming: TO_WORKER, outgoing: TO_OWNER, ownEvent, peerEvent, closesEvents: true }
  return {
    ledger: new Ledger(bytes),
    blocks: { out: new BlockSender(addon, memory, 'worker'), in: new BlockReceiver(addon, memory, 'owner') },
    connect: (listener) => place.connect(addon, site, listener),
    output: { reads: outputReads(bytes), unreadBytes: () => addon.unreadBytes(1, 2) },
  }
}

/**
 * Serves tasks until the owner says that no more come. Then the process leaves by process.exit(): a timer that a task
 * left behind must not keep it.
 *
 * @returns a promise that only rejects: with the reason why the worker cannot go on
 */
export function work(setup: WorkerSetup): Promise<void> {
  return workAt(HERE, setup)
}

/** As work(), and also for rehearsals. */
export async function workAt(
  place: WorkerPlace,
  { sharesMemory, isCaptured, id, name, ...setup }: WorkerSetup,
): Promise<void> {
  const task = new CurrentTask({ id, name })
  place.become(task)
  if (name !== undefined) process.title = name
  const { output, ...shared } = findShared(place, sharesMemory)
  const leave = (exitCode?: number): void => place.leave(exitCode)
  const { promise, fail } = failure(leave)
  await serveTasks(
    { ...shared, captured: isCaptured ? new CapturedOutput(output) : undefined, task, leave, fail },
    setup,
  )
  return promise
}

/** Runs the one task of a worker, and leaves. */
export function workOnce(setup: OneTaskSetup): Promise<void> {
  return workOnceAt(HERE, ownChannel(), setup)
}

/** As workOnce(), and also for rehearsals. */
export async function workOnceAt(
  place: Pick<WorkerPlace, 'become' | 'leave'>,
  channel: Pick<ChildChannel, 'send'>,
  setup: OneTaskSetup,
): Promise<void> {
  const { id, name } = setup
  const task = new CurrentTask({ id, name })
  place.become(task)
  if (name !== undefined) process.title = name
  await runOneTask({ task, send: (message) => channel.send('worker', message), leave: () => place.leave() }, setup)
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
