// Runs in: template. Runs once what every worker of a pool runs, for the same reason as rehearse.ts: without it a worker's first task waits
// until its sockets' code is compiled, which takes longer than the fork.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { once } from 'node:events'
import { readSync, writeSync } from 'node:fs'
import { rehearsal, serveTasks } from '../child/worker.js'
import { encodeValue } from '../clone.js'
import { encodeFrame } from '../frames.js'
import { check, type Native } from '../native.js'
import { Ledger } from '../pool/ledger.js'
import { encodeBare, encodeFunction, encodeRun, WORKER_MODULE } from '../pool/messages.js'

/** Sends one task through a socket pair, runs it as a worker would, and lets that worker leave. */
export async function rehearseWorker(native: Native): Promise<void> {
  const pair = new Int32Array(2)
  check('socketpair', native.socketPair(pair))
  const [owner, channel] = pair
  const ledger = new Ledger(new ArrayBuffer(4096))
  const run = { chunk: 1, functionId: 0, slot: ledger.offer(), first: 0, end: 1, spread: false }
  const messages = [
    encodeFunction(0, WORKER_MODULE, rehearsal.name),
    encodeRun({ ...run, items: encodeValue([{ text: '', list: [0] }], 'items') }),
    encodeBare('end'),
  ]
  const socket = await serveTasks({ channel: channel!, ledger, leave: () => {} }, { initArgs: [] })
  const closed = once(socket, 'close')
  const left = once(socket, 'finish') // it has answered, and has nothing more to say
  for (const message of messages) writeSync(owner!, encodeFrame(message))
  await left
  for (const answer = Buffer.alloc(1024); readSync(owner!, answer) > 0; ); // what is unread would be an ECONNRESET at the other end
  native.close(owner!)
  await closed
}
