// Runs in: owner and child. Large buffers between a Pool and one of its workers: they lie in blocks of the memory that both share, behind the
// rings, and a message only says where. The sender copies a buffer into a block; the receiver has that block mapped, and it is its buffer.
//
// A block is used again when the receiver's garbage collector has found that nobody has the buffer any more: then the first word of the
// block, which both see, becomes 0 (native/glue/addon-memory.c). Filling pages that are there and mapped takes a tenth of the time that new ones do,
// which the kernel has to find and to map: `npm run bench -- pool` has the question of 16 MiB for each task.

import { Buffer } from 'node:buffer' // a program may delete the global one
import { fstatSync, writeSync } from 'node:fs'
import { ProtocolError } from '../errors.js'
import { check, type Native, resourceError, type SharedBlock } from '../platform/native.js'
import { clearTimeout, setTimeout } from '../platform/timers.js'
import type { Block, SentBlock } from '../wire/worker/block-table.js'

/** Where a block begins: a multiple of every page size that Linux has. */
const ALIGNMENT = 64 * 1024
/** In front of a block's bytes. */
const HEADER_BYTES = 4096
/** A region for each direction: to the worker from the first multiple of this on, to the owner from the second. */
const REGION_BYTES = 2 ** 40
/** So many bytes of blocks that nobody uses are kept. */
const MAX_SPARE_BYTES = 128 * 2 ** 20
/** And so long after the last one was sent, in milliseconds. */
const SPARE_MS = 10_000
/** A receiver keeps so many blocks mapped. */
const MAX_MAPPED = 64
const USED_HEADER = new Uint8Array(HEADER_BYTES)
new Int32Array(USED_HEADER.buffer)[0] = 1

/** Who sends through a region. */
export type Sender = 'owner' | 'worker'

const startOf = (sender: Sender): number => (sender === 'owner' ? 1 : 2) * REGION_BYTES
const align = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT

interface OwnBlock {
  offset: number
  /** Bytes behind the header. */
  capacity: number
  memory: ArrayBuffer
  /** 0: nobody uses it. */
  state: Int32Array
}

const isSpare = ({ state }: OwnBlock): boolean => Atomics.load(state, 0) === 0

/** The blocks of one who sends. */
export class BlockSender {
  readonly #native: Native
  readonly #fd: number
  readonly #start: number
  /** Offsets only grow, so no block ever has the place of another one that somebody may still have mapped. */
  #next: number
  #blocks: OwnBlock[] = []
  #trimming: NodeJS.Timeout | undefined
  /** Nothing was sent since the timer looked last. */
  #isResting = false

  /** @param fd of the memory; it stays the caller's */
  constructor(native: Native, fd: number, sender: Sender) {
    this.#native = native
    this.#fd = fd
    this.#start = this.#next = startOf(sender)
  }

  /** Whether anything was ever sent. */
  get isUsed(): boolean {
    return this.#next > this.#start
  }

  /** Copies bytes into a block. They come back as they are where there is no room (ENOSPC; EFBIG by a limit of file sizes). */
  write(bytes: Uint8Array): SentBlock {
    const { length } = bytes
    const fits = (block: OwnBlock): boolean =>
      block.capacity >= length && block.capacity <= 2 * length && isSpare(block)
    let block = this.#blocks.find(fits)
    if (block) {
      Atomics.store(block.state, 0, 1)
      new Uint8Array(block.memory, HEADER_BYTES, length).set(bytes)
    } else {
      this.#trim(MAX_SPARE_BYTES)
      block = this.#add(bytes)
    }
    this.#isResting = false
    this.#trimming ??= setTimeout(() => this.#rest(), SPARE_MS).unref()
    return block ? { offset: block.offset, length } : bytes
  }

  // By write(2), which says that there is no room; a process that stores into a mapping of pages that cannot be had is ended by SIGBUS.
  #add(bytes: Uint8Array): OwnBlock | undefined {
    const offset = this.#next
    const end = offset + HEADER_BYTES + bytes.length
    if (end > this.#start + REGION_BYTES) return undefined
    this.#next = align(end)
    try {
      writeAll(this.#fd, USED_HEADER, offset)
      writeAll(this.#fd, bytes, offset + HEADER_BYTES)
      const memory = this.#native.mapSharedMemory(this.#fd, offset, end - offset)
      if (typeof memory === 'number') throw resourceError('mmap', -memory)
      const block = { offset, capacity: bytes.length, memory, state: new Int32Array(memory, 0, 1) }
      this.#blocks.push(block)
      return block
    } catch {
      this.#free(offset, end - offset)
      return undefined
    }
  }

  /** Takes back a block that was sent and that nobody will read: a copy of it. */
  takeBack(sent: SentBlock): Uint8Array {
    if (sent instanceof Uint8Array) return sent
    const block = this.#blocks.find(({ offset }) => offset === sent.offset)!
    const bytes = Buffer.from(new Uint8Array(block.memory, HEADER_BYTES, sent.length))
    Atomics.store(block.state, 0, 0)
    return bytes
  }

  /** The receiver is gone: gives everything back. */
  release(): void {
    clearTimeout(this.#trimming)
    this.#blocks = []
    if (this.isUsed) this.#free(this.#start, REGION_BYTES)
  }

  #rest(): void {
    const isOver = this.#isResting
    this.#isResting = true
    this.#trimming = isOver ? undefined : setTimeout(() => this.#rest(), SPARE_MS).unref()
    if (isOver) this.#trim(0)
  }

  /** Gives spare blocks back, until there are no more bytes of them than this; the oldest first. */
  #trim(maxBytes: number): void {
    let bytes = 0
    this.#blocks = this.#blocks.reverse().filter((block) => {
      if (!isSpare(block)) return true
      bytes += block.capacity
      if (bytes <= maxBytes) return true
      this.#free(block.offset, HEADER_BYTES + block.capacity)
      return false
    })
    this.#blocks.reverse()
  }

  #free(offset: number, bytes: number): void {
    check('fallocate', this.#native.freeSharedMemory(this.#fd, offset, bytes))
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

/** The blocks that come from the other side. */
export class BlockReceiver {
  readonly #native: Native
  readonly #fd: number
  readonly #start: number
  /** Behind the last block that came. */
  #seen: number
  readonly #mapped = new Map<number, { block: SharedBlock; bytes: number }>()

  /** @param fd of the memory; it stays the caller's */
  constructor(native: Native, fd: number, sender: Sender) {
    this.#native = native
    this.#fd = fd
    this.#start = this.#seen = startOf(sender)
  }

  /** Whether anything ever came. */
  get isUsed(): boolean {
    return this.#seen > this.#start
  }

  /**
   * The buffer that a block is here. Whoever drops it gives it back.
   * @throws ResourceError ERR_RESOURCE; ProtocolError ERR_PROTOCOL for one that lies elsewhere
   */
  take(sent: SentBlock): ArrayBuffer {
    if (sent instanceof Uint8Array) return new Uint8Array(sent).buffer // a copy: the message is not kept for it
    const block = this.#open(sent)
    const buffer = this.#native.useBlock(block, HEADER_BYTES, sent.length)
    if (typeof buffer === 'number') throw resourceError('mmap', -buffer)
    return buffer
  }

  #open({ offset, length }: Block): SharedBlock {
    const bytes = HEADER_BYTES + length
    const known = this.#mapped.get(offset)
    if (known && known.bytes >= bytes) return known.block
    const isInRegion = offset >= this.#start && offset + bytes <= this.#start + REGION_BYTES && offset % ALIGNMENT === 0
    // Behind the end of a file there are pages too, but who looks at them is ended by SIGBUS. The memory never shrinks.
    if (!isInRegion || length <= 0 || offset + bytes > fstatSync(this.#fd).size)
      throw new ProtocolError(
        'ERR_PROTOCOL',
        `There is no block of ${length} bytes at ${offset} in the memory of a worker.`,
      )
    const block = this.#native.openBlock(this.#fd, offset, bytes)
    if (typeof block === 'number') throw resourceError('mmap', -block)
    this.#seen = Math.max(this.#seen, align(offset + bytes))
    this.#mapped.set(offset, { block, bytes })
    for (const oldest of this.#mapped.keys()) {
      if (this.#mapped.size <= MAX_MAPPED) break
      this.#mapped.delete(oldest) // it stays mapped as long as somebody has its buffer
    }
    return block
  }

  /** The sender is dead: gives back what it wrote and did not tell of. What came stays. */
  release(): void {
    this.#mapped.clear()
    if (this.isUsed) {
      const end = this.#start + REGION_BYTES
      check('fallocate', this.#native.freeSharedMemory(this.#fd, this.#seen, end - this.#seen))
    }
  }
}
