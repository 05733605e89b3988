// Runs in: template. Runs the code that every worker of a pool runs, for the same reason as rehearse-child.ts.
// Otherwise a worker's first task would wait until its code is compiled, which takes longer than the fork.
import type { Buffer } from 'node:buffer'
import { fstatSync } from 'node:fs'
import type { CurrentTask } from '../child/worker/current-task.js'
import { rehearsal, type WorkerPlace, workAt, workOnceAt } from '../child/worker/worker-job.js'
import { check, type Native } from '../platform/native.js'
import { encodeValue } from '../wire/values/clone.js'
import { Ledger } from '../wire/worker/ledger.js'
import { encodePlain } from '../wire/worker/plain-list.js'
import {
  encodeBare,
  encodeFunction,
  encodeRun,
  WORKER_MODULE,
  workerMessageOf,
} from '../wire/worker/worker-messages.js'
import { RingChannel } from '../worker-channel/ring-channel.js'
import { TO_OWNER, TO_WORKER, WORKER_MEMORY_BYTES } from '../worker-channel/worker-memory.js'

const LIMIT_MS = 10_000

/**
 * How many chunks the rehearsed worker runs: one of each kind. With many more (200 in all rehearsals), functions would
 * be about to be optimized when the template is frozen, and then each worker would do that again.
 */
const ROUNDS = 2

/**
 * Runs tasks as a worker would, and lets that worker leave: once through shared memory, and once as a worker for one
 * task.
 *
 * @returns what it used
 * @throws the error of the channel, or Error after LIMIT_MS
 */
export async function rehearseWorkers(native: Native): Promise<unknown> {
  return [await rehearseWorker(native), await rehearseOneTask()]
}

const ITEMS = encodeValue([{ text: '', list: [0] }], 'items')
const PLAIN = [0, 'text', true, null]
const PLAIN_ITEMS = encodePlain(PLAIN)!
const SETUP = { id: 0, initArgs: [], isCaptured: false, sharesMemory: true }

async function rehearseOneTask(): Promise<unknown> {
  const reference = { module: WORKER_MODULE, name: rehearsal.name }
  let used: CurrentTask | undefined
  const become = (task: CurrentTask): void => {
    used = task
  }
  const place = { chunk: 1, item: 0, spread: false, listens: false }
  await workOnceAt({ become, leave: () => {} }, { send: () => {} }, { ...SETUP, ...place, reference, items: ITEMS })
  return used
}

async function rehearseWorker(native: Native): Promise<unknown> {
  const bytes = new ArrayBuffer(WORKER_MEMORY_BYTES)
  const [ownerEvent, workerEvent] = [check('eventfd', native.newEvent()), check('eventfd', native.newEvent())]
  const ledger = new Ledger(bytes)
  let worker: RingChannel | undefined
  let used: CurrentTask | undefined
  let fail: (error: Error) => void = () => {}
  const left = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error('The rehearsal of a worker did not end.')), LIMIT_MS)
    fail = (error) => {
      clearTimeout(timer)
      reject(error)
    }
    const place: WorkerPlace = {
      native: () => native,
      open: () => ({ bytes, memory: workerEvent, ownEvent: workerEvent, peerEvent: ownerEvent }),
      connect: (addon, site, listener) => (worker = new RingChannel(addon, { ...site, closesEvents: false }, listener)),
      become: (task) => {
        used = task
      },
      leave: () => {
        clearTimeout(timer)
        resolve()
      },
    }
    workAt(place, SETUP).catch(fail)
  })
  const rings = { incoming: TO_OWNER, outgoing: TO_WORKER, ownEvent: ownerEvent, peerEvent: workerEvent }
  let round = 0
  const send = (): void => {
    const [items, end] = round % 2 === 0 ? [ITEMS, 1] : [PLAIN_ITEMS, PLAIN.length]
    const slot = ledger.offer()
    const place = { chunk: ++round, functionId: 0, slot, first: 0, end, spread: false, listens: false, blocks: [] }
    owner.send(encodeRun(place), items)
  }
  const onMessage = (payload: Buffer): void => {
    if (workerMessageOf(payload, 'worker to owner') !== 'results') return
    if (round < ROUNDS) send()
    else owner.send(encodeBare('end'))
  }
  const heard = { onMessage, onFailure: (error: Error) => fail(error), onGone: () => {} }
  const owner = new RingChannel(native, { bytes, ...rings, closesEvents: true }, heard)
  try {
    owner.send(encodeFunction(0, WORKER_MODULE, rehearsal.name))
    send()
    await left
    return [worker, used, fstatSync(workerEvent)]
  } finally {
    worker?.close()
    owner.close()
  }
}
