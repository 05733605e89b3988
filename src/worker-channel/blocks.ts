// Runs in: owner and child. Large buffers between a Pool and one of its workers. They lie in blocks of the shared
// memory, after the rings, and a message only says where. The sender copies a buffer into a block. The receiver
// maps that block and uses it as its buffer.
//
// A block is used again when the receiver's garbage collector has freed the buffer: then the first word of
// the block becomes 0, which both sides see (native/glue/addon-memory.c). Pages that are mapped already
// are filled in a tenth of the time that new pages need, because the kernel has to find and map those
// (`npm run bench -- pool`, 16 MiB for each task).
//
// A task can write anything into this memory, and can close its descriptor. So each side keeps its own account of
// blocks, and checks that the descriptor is still that memory before it uses it.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { fstatSync, type Stats, writeSync } from 'node:fs'
import { ProtocolError } from '../errors.js'
import { check, isErrno, type Native, resourceError, type SharedBlock } from '../platform/native.js'
import { clearTimeout, setTimeout } from '../platform/timers.js'
import type { Block, SentBlock } from '../wire/worker/block-table.js'

/** Where a block begins: a multiple of every page size that Linux has. */
const ALIGNMENT = 64 * 1024
/** Unit of st_blocks, see stat(2). */
const STAT_BLOCK_BYTES = 512
/** The size of the header of a block, in bytes. */
const HEADER_BYTES = 4096
/** Size of the region of each direction. Blocks to the worker begin at one such size, blocks to the owner at two. */
const REGION_BYTES = 2 ** 40
/** How many bytes of unused blocks the sender keeps. */
const MAX_SPARE_BYTES = 128 * 2 ** 20
/** If it has sent nothing for this long, in milliseconds, it keeps no unused blocks. */
const SPARE_MS = 10_000
/** How many blocks a receiver keeps mapped. */
const MAX_MAPPED = 64
const USED_HEADER = new Uint8Array(HEADER_BYTES)
new Int32Array(USED_HEADER.buffer)[0] = 1

/** The side that sends through a region. */
export type Sender = 'owner' | 'worker'

const startOf = (sender: Sender): number => (sender === 'owner' ? 1 : 2) * REGION_BYTES
const align = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT

interface OwnBlock {
  offset: number
  /** How many bytes follow the header. */
  capacity: number
  memory: ArrayBuffer
  /** 0: the receiver does not use it. The receiver can write here. */
  state: Int32Array
  /** Whether it was sent and may have to be taken back. */
  isOut: boolean
}

const isSpare = ({ state, isOut }: OwnBlock): boolean => !isOut && Atomics.load(state, 0) === 0

/** The memory behind a descriptor, which a task may close or replace. */
class MemoryFile {
  readonly #identity: string

  /** @param fd of the memory; it stays the caller's */
  constructor(readonly fd: number) {
    this.#identity = fd < 0 ? '' : identityOf(fstatSync(fd))
  }

  /**
   * Reads its state from the kernel.
   * @throws ProtocolError ERR_PROTOCOL if the descriptor is another file now
   */
  stat(): Stats {
    const stats = this.#look()
    if (stats && identityOf(stats) === this.#identity) return stats
    throw new ProtocolError(
      'ERR_PROTOCOL',
      'A task has closed the descriptor of the memory that a worker shares with its pool.',
    )
  }

  #look(): Stats | undefined {
    try {
      return fstatSync(this.fd)
    } catch {
      return undefined // EBADF
    }
  }
}

const identityOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`

/** The blocks of the side that sends. */
export class BlockSender {
  readonly #native: Native
  readonly #file: MemoryFile
  /** Whether blocks are taken back: only the owner runs a chunk elsewhere. */
  readonly #takesBack: boolean
  readonly #start: number
  /** Offsets only grow, so no block ever takes the place of another one that may still be mapped. */
  #next: number
  #blocks: OwnBlock[] = []
  #trimming: NodeJS.Timeout | undefined
  /** Whether nothing was sent since the timer ran last. */
  #isResting = false

  /** @param fd of the memory; it stays the caller's */
  constructor(native: Native, fd: number, sender: Sender) {
    this.#native = native
    this.#file = new MemoryFile(fd)
    this.#takesBack = sender === 'owner'
    this.#start = this.#next = startOf(sender)
  }

  /** Whether any block was ever sent. */
  get isUsed(): boolean {
    return this.#next > this.#start
  }

  /**
   * Copies bytes into a block. If there is no room (ENOSPC, or EFBIG by a limit of file sizes), they come back as they
   * are.
   * @throws ProtocolError ERR_PROTOCOL if the memory's descriptor is another file now; ResourceError ERR_RESOURCE
   */
  write(bytes: Uint8Array): SentBlock {
    const { length } = bytes
    const fits = (block: OwnBlock): boolean =>
      block.capacity >= length && block.capacity <= 2 * length && isSpare(block)
    let block = this.#blocks.find(fits)
    if (block) {
      Atomics.store(block.state, 0, 1)
      block.isOut = this.#takesBack
      new Uint8Array(block.memory, HEADER_BYTES, length).set(bytes)
    } else {
      this.#trim(MAX_SPARE_BYTES)
      block = this.#add(bytes)
    }
    this.#isResting = false
    this.#trimming ??= setTimeout(() => this.#rest(), SPARE_MS).unref()
    return block ? { offset: block.offset, length } : bytes
  }

  // By write(2), which says if there is no room. A store into a mapping would end the process by SIGBUS.
  #add(bytes: Uint8Array): OwnBlock | undefined {
    const offset = this.#next
    const end = offset + HEADER_BYTES + bytes.length
    if (end > this.#start + REGION_BYTES) return undefined
    this.#next = align(end)
    const { fd } = this.#file
    if (fd >= 0) this.#file.stat()
    try {
      writeAll(fd, USED_HEADER, offset)
      writeAll(fd, bytes, offset + HEADER_BYTES)
      const memory = this.#native.mapSharedMemory(fd, offset, end - offset)
      if (typeof memory === 'number') throw resourceError('mmap', -memory)
      const state = new Int32Array(memory, 0, 1)
      const block = { offset, capacity: bytes.length, memory, state, isOut: this.#takesBack }
      this.#blocks.push(block)
      return block
    } catch {
      this.#free(offset, end - offset)
      return undefined
    }
  }

  /**
   * The receiver has answered: these blocks are not taken back any more. They are used again when it has freed them.
   */
  settle(blocks: readonly SentBlock[]): void {
    for (const sent of blocks) {
      const block = sent instanceof Uint8Array ? undefined : this.#find(sent)
      if (block) block.isOut = false
    }
  }

  /** Takes back a block that was sent and that nobody will read. Returns a copy of its bytes. */
  takeBack(sent: SentBlock): Uint8Array {
    if (sent instanceof Uint8Array) return sent
    const block = this.#find(sent)
    const bytes = Buffer.from(new Uint8Array(block.memory, HEADER_BYTES, sent.length))
    Atomics.store(block.state, 0, 0)
    block.isOut = false
    return bytes
  }

  #find({ offset }: Block): OwnBlock {
    return this.#blocks.find((block) => block.offset === offset)!
  }

  /** The receiver is gone: frees all blocks. */
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

  /** Frees unused blocks, the oldest first, until they have no more than this many bytes. */
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
    if (this.#file.fd >= 0) this.#file.stat()
    check('fallocate', this.#native.freeSharedMemory(this.#file.fd, offset, bytes))
  }
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

function wrongBlock({ offset, length }: Block, why: string): ProtocolError {
  const text = `A message names a block of ${length} bytes at ${offset} of the memory of a worker, which ${why}.`
  return new ProtocolError('ERR_PROTOCOL', text)
}

/** The blocks that come from the other side. */
export class BlockReceiver {
  readonly #native: Native
  readonly #file: MemoryFile
  readonly #start: number
  /** The offset after the last block that came. */
  #seen: number
  readonly #mapped = new Map<number, { block: SharedBlock; bytes: number }>()

  /** @param fd of the memory; it stays the caller's */
  constructor(native: Native, fd: number, sender: Sender) {
    this.#native = native
    this.#file = new MemoryFile(fd)
    this.#start = this.#seen = startOf(sender)
  }

  /** Whether any block ever came. */
  get isUsed(): boolean {
    return this.#seen > this.#start
  }

  /**
   * The buffer of a block in this process. The block is given back when the buffer is collected.
   * @throws ResourceError ERR_RESOURCE; ProtocolError ERR_PROTOCOL if no block can lie there
   */
  take(sent: SentBlock): ArrayBuffer {
    if (sent instanceof Uint8Array) return new Uint8Array(sent).buffer // a copy: the message is not kept for it
    const block = this.#open(sent)
    const buffer = this.#native.useBlock(block, HEADER_BYTES, sent.length)
    if (typeof buffer === 'number' && isErrno(buffer, 'EBUSY')) throw wrongBlock(sent, 'is in use')
    if (typeof buffer === 'number') throw resourceError('mmap', -buffer)
    return buffer
  }

  #open({ offset, length }: Block): SharedBlock {
    const bytes = HEADER_BYTES + length
    const known = this.#mapped.get(offset)
    if (known && known.bytes >= bytes) return known.block
    const isInRegion = offset >= this.#start && offset + bytes <= this.#start + REGION_BYTES && offset % ALIGNMENT === 0
    // A process that reads after the end of a file is killed by SIGBUS. The memory never shrinks, and a sender writes a
    // block before it sends the message. A length beyond all that was ever written would only use up address space.
    const { size, blocks } = this.#file.stat()
    if (!isInRegion || length <= 0 || offset + bytes > size || bytes > blocks * STAT_BLOCK_BYTES)
      throw wrongBlock({ offset, length }, 'does not exist')
    const block = this.#native.openBlock(this.#file.fd, offset, bytes)
    if (typeof block === 'number') throw resourceError('mmap', -block)
    this.#seen = Math.max(this.#seen, align(offset + bytes))
    this.#mapped.set(offset, { block, bytes })
    for (const oldest of this.#mapped.keys()) {
      if (this.#mapped.size <= MAX_MAPPED) break
      this.#mapped.delete(oldest) // it stays mapped while its buffer is in use
    }
    return block
  }

  /** The sender is dead: frees blocks that it wrote but did not announce. Blocks that came stay. */
  release(): void {
    this.#mapped.clear()
    if (this.isUsed) {
      const end = this.#start + REGION_BYTES
      check('fallocate', this.#native.freeSharedMemory(this.#file.fd, this.#seen, end - this.#seen))
    }
  }
}
