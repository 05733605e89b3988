// Runs in: owner. What connects a Pool with one of its workers: memory that both share, and an event for each side; without the addon, a socket.
import type { Socket } from 'node:net'
import { native } from '../../platform/native.js'
import { Ledger } from '../../wire/worker/ledger.js'
import { WORKER_DESCRIPTORS } from '../../wire/worker/worker-messages.js'
import { BlockReceiver, BlockSender } from '../../worker-channel/blocks.js'
import { RingChannel } from '../../worker-channel/ring-channel.js'
import { type Channel, type ChannelListener, SocketChannel } from '../../worker-channel/worker-channel.js'
import { type Memories, type SharedMemory, TO_OWNER, TO_WORKER } from '../../worker-channel/worker-memory.js'
import type { Process } from '../process/process.js'
import type { StdioOption } from '../process/process-options.js'
import { Output } from './output-files.js'

/** The owner's end of one. */
export class Link {
  readonly #memories: Memories | undefined
  readonly #memory: SharedMemory | undefined
  readonly #streams: 'inherit' | 'ignore' | 'capture'
  readonly ledger: Ledger
  /** What the worker writes, where that is captured. */
  readonly output: Output | undefined
  /** Where large buffers go and come from; none without shared memory, and then none are made. */
  readonly blocks: { out: BlockSender; in: BlockReceiver } | undefined

  /**
   * @param memories where this process has the addon
   * @param streams where stdout and stderr go
   * @throws ResourceError ERR_RESOURCE
   */
  constructor(memories: Memories | undefined, streams: 'inherit' | 'ignore' | 'capture') {
    this.output = streams === 'capture' ? new Output() : undefined
    let memory: SharedMemory | undefined
    try {
      memory = memories?.take()
    } catch (error) {
      this.output?.close()
      throw error
    }
    this.#memories = memories
    this.#memory = memory
    this.#streams = streams
    this.ledger = new Ledger(memory?.bytes)
    this.blocks = memory && {
      out: new BlockSender(native(), memory.memory, 'owner'),
      in: new BlockReceiver(native(), memory.memory, 'worker'),
    }
  }

  get sharesMemory(): boolean {
    return this.#memory !== undefined
  }

  /** What the worker's process is given. */
  get stdio(): StdioOption[] {
    const memory = this.#memory
    const streams = this.#streams === 'capture' ? 'ignore' : this.#streams
    const written = this.output?.descriptors ?? [streams, streams]
    const shared = memory ? [memory.memory, memory.workerEvent, memory.ownerEvent] : (['pipe'] as const)
    return [this.#streams === 'inherit' ? 'inherit' : 'ignore', ...written, ...shared]
  }

  /** The channel to a process that has been started with these. */
  connect(process: Process, listener: ChannelListener): Channel {
    if (!this.#memory) return new SocketChannel(process.stdio[WORKER_DESCRIPTORS.channel] as Socket, listener)
    const { bytes, ownerEvent, workerEvent } = this.#memory
    const rings = { incoming: TO_OWNER, outgoing: TO_WORKER, ownEvent: ownerEvent, peerEvent: workerEvent }
    return new RingChannel(native(), { bytes, ...rings, closesEvents: false }, listener)
  }

  /** The process has ended, and nothing of it will be read any more. */
  close(): void {
    this.output?.close()
    if (!this.#memory || !this.blocks) return
    const both = [this.blocks.out, this.blocks.in]
    for (const blocks of both) blocks.release()
    this.#memories!.giveBack(this.#memory, { isUsedUp: both.some(({ isUsed }) => isUsed) })
  }
}
