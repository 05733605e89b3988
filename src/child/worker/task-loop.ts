// Runs in: child. The loop of a Pool's worker: it takes chunks of tasks from its channel, runs them one after the
// other, and answers. It is an ordinary job (run-job.ts), so a worker is an ordinary child.
import type { Buffer } from 'node:buffer' // a program may delete the global one
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers' // a task may put its own timers in place of the global ones
import { ProtocolError } from '../../errors.js'
import { importModule } from '../../platform/import-module.js'
import { decodeValue, encodeValue } from '../../wire/values/clone.js'
import { decodeThrown, encodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { Ledger } from '../../wire/worker/ledger.js'
import { decodeList } from '../../wire/worker/plain-list.js'
import {
  decodeAbort,
  decodeFunction,
  decodeRun,
  encodeBare,
  encodeRefused,
  encodeResults,
  encodeWrote,
  type RunMessage,
  type WorkerSetup,
  workerMessageOf,
} from '../../wire/worker/worker-messages.js'
import type { BlockReceiver, BlockSender } from '../../worker-channel/blocks.js'
import type { Channel, ChannelListener } from '../../worker-channel/worker-channel.js'
import { type AnyFunction, findFunction } from '../run-job.js'
import type { CapturedOutput } from './captured-output.js'
import type { CurrentTask } from './current-task.js'
import { addFailure, encodeAnswer, type TaskResults } from './encode-answer.js'

/** Finds a function by the name of its module and its own. */
export async function find(reference: { module: string; name: string }): Promise<AnyFunction> {
  return findFunction(await importModule(reference.module), reference)
}

/** How long a worker goes from chunk to chunk without a turn of its event loop, in milliseconds. */
const TURN_MS = 2

/** The owner sends fewer messages ahead than this many rounds read. */
const MAX_ROUNDS = 1_000

/** The tasks of one worker. */
class TaskLoop implements ChannelListener {
  readonly #ledger: Ledger
  readonly #blocks: WorkerSite['blocks']
  readonly #captured: WorkerSite['captured']
  readonly #task: CurrentTask
  readonly #ends: Pick<WorkerSite, 'leave' | 'fail'> & { teardown: WorkerSetup['teardown'] }
  readonly #functions = new Map<number, () => Promise<AnyFunction>>()
  readonly #waiting: RunMessage[] = []
  /** The chunks that nobody waits for any more, and why. */
  readonly #aborted = new Map<number, { error: unknown }>()
  #channel: Channel | undefined
  #isRunning = false
  #isEnding = false
  #listensSoon = false

  constructor({ ledger, blocks, captured, task, leave, fail }: WorkerSite, teardown: WorkerSetup['teardown']) {
    this.#ledger = ledger
    this.#blocks = blocks
    this.#captured = captured
    this.#task = task
    this.#ends = { teardown, leave, fail }
  }

  /** Reports that it is ready. Messages that came before wait already. */
  open(channel: Channel): void {
    this.#channel = channel
    this.#task.speakBy((head, body) => channel.send(head, body))
    channel.send(encodeBare('ready'))
    this.#start()
  }

  onGone(): void {
    this.#ends.leave()
  }

  /** A task has broken what the worker shares with its owner, so this worker cannot go on. */
  onFailure(error: Error): void {
    this.#ends.fail(error)
  }

  onMessage(payload: Buffer): void {
    switch (workerMessageOf(payload, 'owner to worker')) {
      case 'function': {
        const { functionId, ...reference } = decodeFunction(payload)
        // The import waits until a chunk is claimed. So a worker that dies in the import had begun that chunk.
        let found: Promise<AnyFunction> | undefined
        this.#functions.set(functionId, () => (found ??= find(reference)))
        return
      }
      case 'run':
        this.#waiting.push(decodeRun(payload))
        break
      case 'abort':
        this.#abort(decodeAbort(payload))
        return
      case 'read':
        this.#captured?.onRead()
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
    if (!this.#isRunning && this.#channel) this.#drain(this.#channel).catch((error) => this.onFailure(error as Error))
  }

  async #drain(channel: Channel): Promise<void> {
    this.#isRunning = true
    // Not now, because this is called while messages are delivered. channel.idle() below would read newer messages
    // before the rest of these, and chunks would be answered out of their order.
    await undefined
    let start = performance.now()
    let turn = start
    do {
      for (let message: RunMessage | undefined; (message = this.#waiting.shift()); ) {
        if (!this.#ledger.claim(message.slot)) continue // another worker has it
        const { chunk, listens } = message
        this.#task.beginChunk(chunk, { listens, reason: this.#aborted.get(chunk) })
        this.#aborted.delete(chunk)
        const { body, large } = encodeAnswer(await this.#run(message, channel), this.#blocks !== undefined)
        const blocks = large.map((bytes) => this.#blocks!.out.write(bytes))
        this.#task.endChunk()
        const end = performance.now()
        channel.send(encodeResults(chunk, end - start, blocks), body)
        start = end
        // A part of an answer that is not in the ring yet would die with this process, if the next task ends that.
        const flushed = channel.flushed()
        if (!flushed && end - turn < TURN_MS) continue
        await (flushed ?? new Promise(setImmediate)) // lets timers and sockets run that tasks have left
        turn = start = performance.now()
      }
    } while (!channel.idle())
    this.#isRunning = false
    if (this.#isEnding) await this.#leave(channel)
  }

  async #run(message: RunMessage, channel: Channel): Promise<TaskResults> {
    const { chunk, first, end, spread } = message
    const results: TaskResults = { first, values: [], failures: [] }
    const { values } = results
    let call: AnyFunction
    let list: unknown[]
    try {
      list = this.#itemsOf(message)
      call = await this.#functions.get(message.functionId)!()
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      this.#ledger.begin(chunk, first)
      for (let item = first; item < end; item++) {
        values.push(undefined)
        addFailure(results, item, error)
      }
      return results
    }
    for (let item = first; item < end; item++) {
      this.#ledger.begin(chunk, item)
      this.#captured?.begin()
      try {
        this.#task.begin(item)
        let value = spread ? call(...(list[item] as unknown[])) : call(list[item])
        // To await a value that is no promise would cost a turn of the microtask queue for each task.
        if (typeof (value as PromiseLike<unknown> | undefined)?.then === 'function') {
          this.#listenSoon(channel)
          value = await value
        }
        values.push(value)
      } catch (error) {
        values.push(undefined)
        addFailure(results, item, error)
      }
      if (this.#captured && !this.#captured.isSilent) await this.#endOutput(this.#captured, channel, { chunk, item })
    }
    return results
  }

  /** @throws ProtocolError ERR_PROTOCOL if the message does not have the items that it names, or no function */
  #itemsOf({ functionId, first, end, items, blocks }: RunMessage): unknown[] {
    const list = decodeList(
      items,
      blocks.map((block) => this.#blocks!.in.take(block)),
    )
    if (Array.isArray(list) && first < end && end <= list.length && this.#functions.has(functionId)) return list
    const text = 'A worker got a chunk with fewer items than the chunk names. A task has overwritten shared memory.'
    throw new ProtocolError('ERR_PROTOCOL', text)
  }

  #endOutput(captured: CapturedOutput, channel: Channel, { chunk, item }: { chunk: number; item: number }) {
    this.#listenSoon(channel)
    return captured.whenRead(() => channel.send(encodeWrote(chunk, item)))
  }

  // The channel announces messages only if it was found empty before. A long task must still get its abort. Most
  // promises of tasks are settled before the event loop turns: then this costs one check for many chunks.
  #listenSoon(channel: Channel): void {
    if (this.#listensSoon) return
    this.#listensSoon = true
    setImmediate(() => {
      this.#listensSoon = false
      for (let round = 0; round < MAX_ROUNDS && !channel.idle(); round++);
    })
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

/** What a worker needs, and how it leaves. In a rehearsal it does not leave. */
export interface WorkerSite {
  ledger: Ledger
  captured?: CapturedOutput | undefined
  blocks?: { out: BlockSender; in: BlockReceiver }
  task: CurrentTask
  connect(listener: ChannelListener): Channel
  leave(exitCode?: number): void
  /** Ends the worker, because what it shares with its owner is broken. */
  fail(error: Error): void
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
