// Runs in: child. What a Pool's worker does all its life: takes chunks of tasks from its channel, runs them one after the other, and
// answers. It is an ordinary job (run.ts), so a worker is an ordinary child.
import type { Buffer } from 'node:buffer' // a program may delete the global one
import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { decodeValue, encodeValue } from '../clone.js'
import { encodeFrame, FrameDecoder } from '../frames.js'
import { importModule } from '../modules.js'
import { native } from '../native.js'
import { Ledger } from '../pool/ledger.js'
import {
  decodeFunction,
  decodeRun,
  encodeBare,
  encodeRefused,
  encodeResults,
  type RunMessage,
  workerMessageOf,
} from '../pool/messages.js'
import { encodeThrown, type ThrownData } from '../thrown.js'
import { type AnyFunction, findFunction } from './run.js'

/** What a worker is told at its start. */
export interface WorkerSetup {
  initializer?: { module: string; name: string }
  initArgs: readonly unknown[]
  teardown?: { module: string; name: string }
  /** Whether there is a ledger, at WORKER_DESCRIPTORS.ledger. */
  hasLedger: boolean
}

/** Where a worker finds what it shares with its owner. */
export const WORKER_DESCRIPTORS = { channel: 3, ledger: 4 } as const

/** A message is a part of an owner's data, and may be as large as a Buffer. */
const MAX_MESSAGE = 2 ** 32 - 1

async function find(reference: { module: string; name: string }): Promise<AnyFunction> {
  return findFunction(await importModule(reference.module), reference)
}

/** The tasks of one worker. */
class TaskLoop {
  readonly #socket: Socket
  readonly #ledger: Ledger
  readonly #teardown: WorkerSetup['teardown']
  readonly #functions = new Map<number, Promise<AnyFunction>>()
  readonly #waiting: RunMessage[] = []
  #isRunning = false
  #isEnding = false

  constructor(socket: Socket, ledger: Ledger, teardown: WorkerSetup['teardown']) {
    this.#socket = socket
    this.#ledger = ledger
    this.#teardown = teardown
  }

  hear(payload: Buffer): void {
    switch (workerMessageOf(payload, 'owner to worker')) {
      case 'function': {
        const { functionId, ...reference } = decodeFunction(payload)
        const found = find(reference)
        found.catch(() => {}) // each task that wants it gets the error
        this.#functions.set(functionId, found)
        return
      }
      case 'run':
        this.#waiting.push(decodeRun(payload))
        break
      case 'end':
        this.#isEnding = true
    }
    if (!this.#isRunning) void this.#drain()
  }

  async #drain(): Promise<void> {
    this.#isRunning = true
    for (let message: RunMessage | undefined; (message = this.#waiting.shift()); ) {
      if (!this.#ledger.claim(message.slot)) continue // another worker has it
      const start = performance.now()
      const body = await this.#run(message)
      this.#socket.write(encodeFrame(encodeResults(message.chunk, performance.now() - start, body)))
    }
    this.#isRunning = false
    if (this.#isEnding) await this.#leave()
  }

  async #run({ chunk, functionId, first, end, spread, items }: RunMessage): Promise<Buffer> {
    const values: unknown[] = []
    const failures: [number, ThrownData][] = []
    let call: AnyFunction
    let list: unknown[]
    try {
      call = await this.#functions.get(functionId)!
      list = decodeValue(items) as unknown[]
    } catch (error) {
      this.#ledger.begin(chunk, first)
      const thrown = encodeThrown(error)
      for (let item = first; item < end; item++) failures.push([item, thrown])
      return encodeValue([values, failures], 'results')
    }
    for (let item = first; item < end; item++) {
      this.#ledger.begin(chunk, item)
      try {
        let value = spread ? call(...(list[item] as unknown[])) : call(list[item])
        // Awaiting what is no promise would cost a turn of the microtask queue for each task.
        if (typeof (value as PromiseLike<unknown> | undefined)?.then === 'function') value = await value
        values.push(value)
      } catch (error) {
        values.push(undefined)
        failures.push([item, encodeThrown(error)])
      }
    }
    try {
      return encodeValue([values, failures], 'results')
    } catch {
      return encodeEach(values, failures, first)
    }
  }

  async #leave(): Promise<void> {
    try {
      if (this.#teardown) await (await find(this.#teardown))()
    } finally {
      this.#socket.end(() => process.exit())
    }
  }
}

/** At least one value cannot be cloned: the others are delivered all the same. */
function encodeEach(values: unknown[], failures: [number, ThrownData][], first: number): Buffer {
  for (const [index, value] of values.entries()) {
    try {
      encodeValue(value, 'result')
    } catch (error) {
      values[index] = undefined
      failures.push([first + index, encodeThrown(error)])
    }
  }
  return encodeValue([values, failures], 'results')
}

/**
 * The job of a worker. It leaves by process.exit(): a timer that a task left behind must not keep a worker that is to end.
 */
export async function work({ initializer, initArgs, teardown, hasLedger }: WorkerSetup): Promise<void> {
  const ledger = hasLedger ? Ledger.map(native(), WORKER_DESCRIPTORS.ledger) : new Ledger()
  if (hasLedger) native().close(WORKER_DESCRIPTORS.ledger)
  const socket = new Socket({ fd: WORKER_DESCRIPTORS.channel, readable: true, writable: true })
  socket.on('error', () => process.exit()) // the owner is gone
  try {
    if (initializer) await (await find(initializer))(...initArgs)
  } catch (error) {
    socket.end(encodeFrame(encodeRefused(encodeValue(encodeThrown(error), 'thrown'))), () => process.exit(1))
    return
  }
  const loop = new TaskLoop(socket, ledger, teardown)
  const decoder = new FrameDecoder({ maxLength: MAX_MESSAGE })
  socket.on('data', (bytes: Buffer) => {
    for (const payload of decoder.push(bytes)) loop.hear(payload)
  })
  socket.on('end', () => process.exit())
  socket.write(encodeFrame(encodeBare('ready')))
}
