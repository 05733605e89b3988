// Runs in: child. What a Pool's worker does all its life: takes chunks of tasks from its channel, runs them one after the other, and
// answers. It is an ordinary job (run-job.ts), so a worker is an ordinary child.
import type { Buffer } from 'node:buffer' // a program may delete the global one
import { performance } from 'node:perf_hooks'
import { importModule } from '../../platform/import-module.js'
import { native } from '../../platform/native.js'
import { decodeValue, encodeValue } from '../../wire/values/clone.js'
import { decodeThrown, encodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { SentBlock } from '../../wire/worker/block-table.js'
import { Ledger } from '../../wire/worker/ledger.js'
import { decodeList, encodePlain } from '../../wire/worker/plain-list.js'
import {
  decodeAbort,
  decodeFunction,
  decodeRun,
  encodeBare,
  encodeRefused,
  encodeResults,
  type RunMessage,
  WORKER_DESCRIPTORS,
  type WorkerSetup,
  type Written,
  workerMessageOf,
} from '../../wire/worker/worker-messages.js'
import { BlockReceiver, BlockSender } from '../../worker-channel/blocks.js'
import { RingChannel } from '../../worker-channel/ring-channel.js'
import { type Channel, type ChannelListener, SocketChannel } from '../../worker-channel/worker-channel.js'
import { mapMemory, TO_OWNER, TO_WORKER } from '../../worker-channel/worker-memory.js'
import { becomeWorker } from '../api/worker-info.js'
import { type AnyFunction, findFunction } from '../run-job.js'
import { CapturedOutput } from './captured-output.js'
import { CurrentTask } from './current-task.js'

async function find(reference: { module: string; name: string }): Promise<AnyFunction> {
  return findFunction(await importModule(reference.module), reference)
}

/** What a chunk's tasks gave. */
interface Encoded {
  body: Buffer
  blocks: readonly SentBlock[]
}

/** So long a worker goes from chunk to chunk without a turn of its event loop, in milliseconds. */
const TURN_MS = 2

/** The tasks of one worker. */
class TaskLoop implements ChannelListener {
  readonly #ledger: Ledger
  readonly #blocks: WorkerSite['blocks']
  readonly #captured: WorkerSite['captured']
  readonly #task: CurrentTask
  readonly #ends: { teardown: WorkerSetup['teardown']; leave: WorkerSite['leave'] }
  readonly #functions = new Map<number, Promise<AnyFunction>>()
  readonly #waiting: RunMessage[] = []
  /** Chunks of these that nobody waits for any more, and why. */
  readonly #aborted = new Map<number, { error: unknown }>()
  #channel: Channel | undefined
  #isRunning = false
  #isEnding = false

  constructor({ ledger, blocks, captured, task, leave }: WorkerSite, teardown: WorkerSetup['teardown']) {
    this.#ledger = ledger
    this.#blocks = blocks
    this.#captured = captured
    this.#task = task
    this.#ends = { teardown, leave }
  }

  /** Says that it is ready; what came before it heard already. */
  open(channel: Channel): void {
    this.#channel = channel
    this.#task.speakBy((head, body) => channel.send(head, body))
    channel.send(encodeBare('ready'))
    this.#start()
  }

  onGone(): void {
    this.#ends.leave()
  }

  onFailure(error: Error): void {
    throw error // an owner that breaks the protocol is a fault of ours: the worker ends by it, and its owner hears so
  }

  onMessage(payload: Buffer): void {
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
      case 'abort':
        this.#abort(decodeAbort(payload))
        return
      case 'end':
        this.#isEnding = true
    }
    this.#start()
  }

  #abort({ chunk, body }: { chunk: number; body: Buffer }): void {
    const error = decodeThrown(decodeValue(body) as ThrownData, { ownerStack: undefined, where: 'owner' })
    const isWaiting = !this.#task.abort(chunk, error) && this.#waiting.some((message) => message.chunk === chunk)
    if (isWaiting) this.#aborted.set(chunk, { error })
  }

  #start(): void {
    if (!this.#isRunning && this.#channel) void this.#drain(this.#channel)
  }

  async #drain(channel: Channel): Promise<void> {
    this.#isRunning = true
    // Behind the messages that come together with the first one: channel.idle() below, called from within their delivery, would read newer
    // ones before the rest of them, and chunks would be answered out of their order.
    await undefined
    let start = performance.now()
    let turn = start
    do {
      for (let message: RunMessage | undefined; (message = this.#waiting.shift()); ) {
        if (!this.#ledger.claim(message.slot)) continue // another worker has it
        const { chunk, listens } = message
        this.#task.beginChunk(chunk, { listens, reason: this.#aborted.get(chunk) })
        this.#aborted.delete(chunk)
        const { body, blocks } = await this.#run(message)
        this.#task.endChunk()
        const end = performance.now()
        channel.send(encodeResults(chunk, end - start, blocks), body)
        start = end
        if (end - turn < TURN_MS) continue
        await new Promise(setImmediate) // timers and sockets of what the tasks left running
        turn = start = performance.now()
      }
    } while (!channel.idle())
    this.#isRunning = false
    if (this.#isEnding) await this.#leave(channel)
  }

  async #run({ chunk, functionId, first, end, spread, items, blocks }: RunMessage): Promise<Encoded> {
    const values: unknown[] = []
    const failures: [number, ThrownData][] = []
    let call: AnyFunction
    let list: unknown[]
    try {
      call = await this.#functions.get(functionId)!
      list = decodeList(
        items,
        blocks.map((block) => this.#blocks!.in.take(block)),
      ) as unknown[]
    } catch (error) {
      this.#ledger.begin(chunk, first)
      const thrown = encodeThrown(error)
      for (let item = first; item < end; item++) failures.push([item, thrown])
      return this.#encode(values, failures)
    }
    for (let item = first; item < end; item++) {
      this.#ledger.begin(chunk, item)
      try {
        this.#task.begin(item)
        let value = spread ? call(...(list[item] as unknown[])) : call(list[item])
        // Awaiting what is no promise would cost a turn of the microtask queue for each task.
        if (typeof (value as PromiseLike<unknown> | undefined)?.then === 'function') value = await value
        values.push(value)
      } catch (error) {
        values.push(undefined)
        failures.push([item, encodeThrown(error)])
      }
      if (this.#captured) this.#captured.noteEnd(item)
    }
    const written = this.#captured?.take()
    try {
      return this.#encode(values, failures, written)
    } catch {
      refuseEach(values, failures, first)
      return this.#encode(values, failures, written)
    }
  }

  #encode(values: unknown[], failures: [number, ThrownData][], written: Written[] = []): Encoded {
    const plain = failures.length === 0 && written.length === 0 ? encodePlain(values) : undefined
    if (plain) return { body: plain, blocks: [] }
    const large: Uint8Array[] = []
    const body = encodeValue(
      written.length > 0 ? [values, failures, written] : [values, failures],
      'results',
      this.#blocks && large,
    )
    return { body, blocks: large.map((bytes) => this.#blocks!.out.write(bytes)) }
  }

  async #leave(channel: Channel): Promise<void> {
    const { teardown, leave } = this.#ends
    try {
      if (teardown) await (await find(teardown))()
    } finally {
      channel.end(() => leave())
    }
  }
}

/** At least one value cannot be cloned: the others are delivered all the same. */
function refuseEach(values: unknown[], failures: [number, ThrownData][], first: number): void {
  for (const [index, value] of values.entries()) {
    try {
      encodeValue(value, 'result')
    } catch (error) {
      values[index] = undefined
      failures.push([first + index, encodeThrown(error)])
    }
  }
}

/** What a worker works with, and how it leaves: in a rehearsal it stays. */
export interface WorkerSite {
  ledger: Ledger
  captured?: CapturedOutput | undefined
  blocks?: { out: BlockSender; in: BlockReceiver }
  task: CurrentTask
  connect(listener: ChannelListener): Channel
  leave(exitCode?: number): void
}

/** Calls the initializer, and takes tasks from the channel until it is told to leave. */
export async function serveTasks(
  site: WorkerSite,
  { initializer, initArgs, teardown }: Pick<WorkerSetup, 'initializer' | 'initArgs' | 'teardown'>,
): Promise<void> {
  const loop = new TaskLoop(site, teardown)
  const channel = site.connect(loop)
  try {
    if (initializer) await (await find(initializer))(...initArgs)
  } catch (error) {
    channel.send(encodeRefused(encodeValue(encodeThrown(error), 'thrown')))
    channel.end(() => site.leave(1))
    return
  }
  loop.open(channel)
}

/** A task that does nothing, for rehearsals. */
export const rehearsal = <T>(value: T): T => value

function findSite(sharesMemory: boolean): Pick<WorkerSite, 'ledger' | 'blocks' | 'connect'> {
  const { channel, memory, ownerEvent, workerEvent } = WORKER_DESCRIPTORS
  if (!sharesMemory) return { ledger: new Ledger(), connect: (listener) => new SocketChannel(channel, listener) }
  const bytes = mapMemory(native(), memory)
  const rings = { incoming: TO_WORKER, outgoing: TO_OWNER, ownEvent: workerEvent, peerEvent: ownerEvent }
  return {
    ledger: new Ledger(bytes),
    blocks: { out: new BlockSender(native(), memory, 'worker'), in: new BlockReceiver(native(), memory, 'owner') },
    connect: (listener) => new RingChannel(native(), { bytes, ...rings, closesEvents: true }, listener),
  }
}

/**
 * The job of a worker. It leaves by process.exit(): a timer that a task left behind must not keep a worker that is to end.
 */
export async function work({ sharesMemory, isCaptured, id, name, ...setup }: WorkerSetup): Promise<void> {
  const task = new CurrentTask({ id, name })
  becomeWorker(task)
  if (name !== undefined) process.title = name
  await serveTasks(
    {
      ...findSite(sharesMemory),
      captured: isCaptured ? new CapturedOutput() : undefined,
      task,
      leave: (exitCode) => process.exit(exitCode),
    },
    setup,
  )
}
