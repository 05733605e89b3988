// Runs in: template. Runs once what every worker of a pool runs, for the same reason as rehearse-child.ts: without it
// a worker's first task waits until its code is compiled, which takes longer than the fork.
import { CurrentTask } from '../child/worker/current-task.js'
import { rehearsal, serveTasks } from '../child/worker/task-loop.js'
import { check, type Native } from '../platform/native.js'
import { encodeValue } from '../wire/values/clone.js'
import { Ledger } from '../wire/worker/ledger.js'
import { encodeBare, encodeFunction, encodeRun, WORKER_MODULE } from '../wire/worker/worker-messages.js'
import { RingChannel } from '../worker-channel/ring-channel.js'
import { TO_OWNER, TO_WORKER, WORKER_MEMORY_BYTES } from '../worker-channel/worker-memory.js'

const LIMIT_MS = 10_000

/** Sends one task through memory of its own, runs it as a worker would, and lets that worker leave. */
export async function rehearseWorker(native: Native): Promise<void> {
  const bytes = new ArrayBuffer(WORKER_MEMORY_BYTES)
  const [ownerEvent, workerEvent] = [check('eventfd', native.newEvent()), check('eventfd', native.newEvent())]
  const ledger = new Ledger(bytes)
  const heard = { onFailure: () => {}, onGone: () => {} }
  let worker: RingChannel | undefined
  const left = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The rehearsal of a worker did not end.')), LIMIT_MS)
    const leave = (): void => {
      clearTimeout(timer)
      resolve()
    }
    const rings = { incoming: TO_WORKER, outgoing: TO_OWNER, ownEvent: workerEvent, peerEvent: ownerEvent }
    const connect = (listener: ConstructorParameters<typeof RingChannel>[2]): RingChannel =>
      (worker = new RingChannel(native, { bytes, ...rings, closesEvents: false }, listener))
    const task = new CurrentTask({ id: 0 })
    void serveTasks({ ledger, connect, leave, task }, { initArgs: [] })
  })
  const rings = { incoming: TO_OWNER, outgoing: TO_WORKER, ownEvent: ownerEvent, peerEvent: workerEvent }
  const owner = new RingChannel(native, { bytes, ...rings, closesEvents: true }, { onMessage: () => {}, ...heard })
  try {
    owner.send(encodeFunction(0, WORKER_MODULE, rehearsal.name))
    const run = {
      chunk: 1,
      functionId: 0,
      slot: ledger.offer(),
      first: 0,
      end: 1,
      spread: false,
      listens: false,
      blocks: [],
    }
    owner.send(encodeRun(run), encodeValue([{ text: '', list: [0] }], 'items'))
    owner.send(encodeBare('end'))
    await left
  } finally {
    worker?.close()
    owner.close()
  }
}
