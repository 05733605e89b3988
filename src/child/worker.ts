// Runs in: child. What a Pool's worker does all its life: takes chunks of tasks from its channel, runs them one after the other, and
// answers. It is an ordinary job (run.ts), so a worker is an ordinary child.
import type { Buffer } from 'node:buffer' // a program may delete the global one
import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { decodeValue, encodeValue } from '../clone.js'
import { encodeFrame, FrameDecoder, MAX_OWN_PAYLOAD } from '../frames.js'
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
  WORKER_DESCRIPTORS,
  type WorkerSetup,
  workerMessageOf,
} from '../pool/messages.js'
import { encodeThrown, type ThrownData } from '../thrown.js'
import { type AnyFunction, findFunction } from './run.js'

async function find(reference: { module: string; name: string }): Promise<AnyFunction> {
  return findFunction(await importModule(reference.module), reference)
}

/** The tasks of one worker. */
class TaskLoop {
  readonly #socket: Socket
  readonly #ledger: Ledger
  readonly #ends: { teardown: WorkerSetup['teardown']; leave: WorkerSite['leave'] }
  readonly #functions = new Map<number, Promise<AnyFunction>>()
  readonly #waiting: RunMessage[] = []
  #isRunning = false
  #isEnding = false

  constructor(socket: Socket, ledger: Ledger, ends: { teardown: WorkerSetup['teardown']; leave: WorkerSite['leave'] }) {
    this.#socket = socket
    this.#ledger = ledger
    this.#ends = ends
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
    const { teardown, leave } = this.#ends
    try {
      if (teardown) await (await find(teardown))()
    } finally {
      this.#socket.end(() => leave())
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

/** What a worker works with, and how it leaves: in a rehearsal it stays. */
export interface WorkerSite {
  channel: number
  ledger: Ledger
  leave(exitCode?: number): void
}

/** Calls the initializer, and takes tasks from the channel until it is told to leave. */
export async function serveTasks(
  { channel, ledger, leave }: WorkerSite,
  { initializer, initArgs, teardown }: Omit<WorkerSetup, 'hasLedger'>,
): Promise<Socket> {
  const socket = new Socket({ fd: channel, readable: true, writable: true })
  socket.on('error', () => leave()) // the owner is gone
  try {
    if (initializer) await (await find(initializer))(...initArgs)
  } catch (error) {
    socket.end(encodeFrame(encodeRefused(encodeValue(encodeThrown(error), 'thrown'))), () => leave(1))
    return socket
  }
  const loop = new TaskLoop(socket, ledger, { teardown, leave })
  const decoder = new FrameDecoder({ maxLength: MAX_OWN_PAYLOAD })
  socket.on('data', (bytes: Buffer) => {
    for (const payload of decoder.push(bytes)) loop.hear(payload)
  })
  socket.on('end', () => leave())
  socket.write(encodeFrame(encodeBare('ready')))
  return socket
}

/** A task that does nothing, for rehearsals. */
export const rehearsal = <T>(value: T): T => value

/**
 * The job of a worker. It leaves by process.exit(): a timer that a task left behind must not keep a worker that is to end.
 */
export async function work({ hasLedger, ...setup }: WorkerSetup): Promise<void> {
  const ledger = hasLedger ? Ledger.map(native(), WORKER_DESCRIPTORS.ledger) : new Ledger()
  if (hasLedger) native().close(WORKER_DESCRIPTORS.ledger)
  await serveTasks({ channel: WORKER_DESCRIPTORS.channel, ledger, leave: (exitCode) => process.exit(exitCode) }, setup)
}
