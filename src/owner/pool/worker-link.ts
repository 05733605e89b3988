// Runs in: owner. What connects a Pool with one of its workers: memory that both share and an event for each side, or a
// socket if this process has no addon. It also has the sockets of the output that the pool captures.
import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { ProtocolError } from '../../errors.js'
import { native } from '../../platform/native.js'
import { clearInterval, setInterval } from '../../platform/timers.js'
import type { SentBlock } from '../../wire/worker/block-table.js'
import { Ledger } from '../../wire/worker/ledger.js'
import { WORKER_DESCRIPTORS } from '../../wire/worker/worker-messages.js'
import { BlockReceiver, BlockSender } from '../../worker-channel/blocks.js'
import { RingChannel } from '../../worker-channel/ring-channel.js'
import { SocketChannel } from '../../worker-channel/socket-channel.js'
import type { Channel, ChannelListener } from '../../worker-channel/worker-channel.js'
import {
  type Memories,
  outputReads,
  type SharedMemory,
  TO_OWNER,
  TO_WORKER,
} from '../../worker-channel/worker-memory.js'
import { forPool, type Process } from '../process/process.js'
import type { StdioOption } from '../process/process-options.js'
import { type OutputReader, type OutputTaker, SocketReader, StreamReader } from './output-reader.js'

/** How often the owner looks at the shared memory of a worker, whether or not the worker wakes it, in milliseconds. */
const LOOK_MS = 1_000

/** The owner's end of a link. */
export class Link {
  readonly #memories: Memories | undefined
  readonly #memory: SharedMemory | undefined
  readonly #streams: 'inherit' | 'ignore' | 'capture'
  readonly #isForOneTask: boolean
  #looks: NodeJS.Timeout | undefined
  readonly ledger: Ledger
  /** Reads what the worker writes, if that is captured. */
  readonly output: OutputReader | undefined
  /** The shared memory of large buffers. Undefined without shared memory; then buffers travel in messages. */
  readonly blocks: { out: BlockSender; in: BlockReceiver } | undefined

  /**
   * @param memories if this process has the addon
   * @param streams what to do with stdout and stderr
   * @param isForOneTask a worker for one task shares nothing
   * @throws ResourceError ERR_RESOURCE
   */
  constructor(
    memories: Memories | undefined,
    streams: 'inherit' | 'ignore' | 'capture',
    { isForOneTask }: { isForOneTask: boolean },
  ) {
    const memory = isForOneTask ? undefined : memories?.take()
    try {
      if (streams === 'capture') this.output = readerOf(memories && (memory ? outputReads(memory.bytes) : NO_READER))
    } catch (error) {
      if (memory) memories!.giveBack(memory, { isUsedUp: false })
      throw error
    }
    this.#memories = memories
    this.#memory = memory
    this.#streams = streams
    this.#isForOneTask = isForOneTask
    this.ledger = new Ledger(memory?.bytes)
    this.blocks = memory && {
      out: new BlockSender(native(), memory.memory, 'owner'),
      in: new BlockReceiver(native(), memory.memory, 'worker'),
    }
  }

  get sharesMemory(): boolean {
    return this.#memory !== undefined
  }

  /** The descriptors that the worker's process is given. */
  get stdio(): StdioOption[] {
    const memory = this.#memory
    const streams = this.#streams === 'capture' ? 'ignore' : this.#streams
    const written = this.output?.stdio ?? [streams, streams]
    const own = this.#isForOneTask ? [] : (['pipe'] as const)
    const shared = memory ? [memory.memory, memory.workerEvent, memory.ownerEvent] : own
    return [this.#streams === 'inherit' ? 'inherit' : 'ignore', ...written, ...shared]
  }

  /**
   * Makes the channel to a process that was started with these descriptors.
   *
   * @param onOutput takes what the worker writes
   * @returns undefined for a worker for one task: it is sent nothing
   * @throws ResourceError ERR_RESOURCE
   */
  connect(process: Process, listener: ChannelListener, onOutput: OutputTaker): Channel | undefined {
    this.output?.open(process.stdio, onOutput)
    if (this.#isForOneTask) {
      process[forPool].messages.listen((message) => hear(listener, message))
      return undefined
    }
    if (!this.#memory) return new SocketChannel(process.stdio[WORKER_DESCRIPTORS.channel] as Socket, listener)
    const { bytes, ownerEvent, workerEvent } = this.#memory
    const rings = { incoming: TO_OWNER, outgoing: TO_WORKER, ownEvent: ownerEvent, peerEvent: workerEvent }
    const channel = new RingChannel(native(), { bytes, ...rings, closesEvents: false }, listener)
    this.#looks = setInterval(() => this.#look(channel, listener), LOOK_MS).unref()
    return channel
  }

  // A task can overwrite the memory, and close the event that its worker uses to wake the owner. Without a look now and
  // then, the owner would not notice that, and its task would never be answered.
  #look(channel: RingChannel, listener: ChannelListener): void {
    try {
      this.ledger.verify()
    } catch (error) {
      listener.onFailure(error as Error)
    }
    channel.recover(this.ledger.offered > 0)
  }

  /**
   * The large buffers that belong to a message.
   * @throws ProtocolError ERR_PROTOCOL if there are none; ResourceError ERR_RESOURCE
   */
  takeBlocks(blocks: readonly SentBlock[]): ArrayBuffer[] {
    if (this.blocks) return blocks.map((block) => this.blocks!.in.take(block))
    if (blocks.length === 0) return []
    throw new ProtocolError('ERR_PROTOCOL', 'A worker without shared memory sent blocks of it.')
  }

  /**
   * Nothing from the process is read any more.
   *
   * @param isUnused whether there was none, or it has certainly ended: then another worker may get the memory
   */
  close({ isUnused }: { isUnused: boolean }): void {
    clearInterval(this.#looks)
    this.output?.close()
    if (!this.#memory || !this.blocks) return
    const both = [this.blocks.out, this.blocks.in]
    for (const blocks of both) blocks.release()
    this.#memories!.giveBack(this.#memory, { isUsedUp: !isUnused || both.some(({ isUsed }) => isUsed) })
  }
}

/** A worker for one task does not ask when it is read, so nobody looks at this word. */
const NO_READER = new Int32Array(1)

/** @param reads the word that counts reads; undefined without the addon */
function readerOf(reads: Int32Array | undefined): OutputReader {
  return reads ? new SocketReader(native(), reads) : new StreamReader()
}

function hear(listener: ChannelListener, message: Buffer): void {
  try {
    listener.onMessage(message)
  } catch (error) {
    listener.onFailure(error as Error)
  }
}
