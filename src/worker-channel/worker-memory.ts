// Runs in: owner and child. What a Pool shares with one of its workers if both have the addon: memory, which holds the
// ledger and two rings, and an event for each side, which the other side sets to wake it.
import { check, type Native, resourceError } from '../platform/native.js'
import { RING_CONTROL_BYTES, type RingPlace } from '../wire/worker/ring.js'

/** The most bytes that wait in a ring: longer messages pass through it in parts. A power of two. */
const RING_BYTES = 128 * 1024
const PAGE_BYTES = 4096
/** The first page holds the ledger, a word for captured output, and in its second half the words of the rings. */
const CONTROL = PAGE_BYTES / 2
const OUTPUT = PAGE_BYTES / 4

/** The ring from the owner to the worker. */
export const TO_WORKER: RingPlace = { control: CONTROL, start: PAGE_BYTES, size: RING_BYTES }
/** The ring from the worker to the owner. */
export const TO_OWNER: RingPlace = {
  control: CONTROL + RING_CONTROL_BYTES,
  start: PAGE_BYTES + RING_BYTES,
  size: RING_BYTES,
}
/** Bytes of ledger and rings. */
export const WORKER_MEMORY_BYTES = PAGE_BYTES + 2 * RING_BYTES

/** Descriptors of one worker's memory and events. */
export interface SharedDescriptors {
  memory: number
  /** Set by the worker. */
  ownerEvent: number
  /** Set by the owner. */
  workerEvent: number
}

/** The parts that an owner shares with a worker. */
export interface SharedMemory extends SharedDescriptors {
  bytes: ArrayBuffer
}

/** The word that counts how often the owner has begun or ended to read the worker's output: odd while it reads. */
export function outputReads(memory: ArrayBuffer): Int32Array {
  return new Int32Array(memory, OUTPUT, 1)
}

/**
 * Maps the memory behind a descriptor.
 * @throws ResourceError ERR_RESOURCE
 */
export function mapMemory(native: Native, fd: number): ArrayBuffer {
  const bytes = native.mapSharedMemory(fd, 0, WORKER_MEMORY_BYTES)
  if (typeof bytes === 'number') throw resourceError('mmap', -bytes)
  return bytes
}

/**
 * The memories of a pool. Memories of ended workers are used again, because it takes longer than a
 * task to map and fill new ones.
 */
export class Memories {
  readonly #native: Native
  readonly #free: SharedMemory[] = []
  #isClosed = false

  constructor(native: Native) {
    this.#native = native
  }

  /** @throws ResourceError ERR_RESOURCE */
  take(): SharedMemory {
    const used = this.#free.pop()
    if (used) return used
    const native = this.#native
    const opened: number[] = []
    const open = (syscall: string, result: number): number => {
      opened.push(check(syscall, result))
      return result
    }
    try {
      const memory = open('memfd_create', native.newSharedMemory(WORKER_MEMORY_BYTES))
      const ownerEvent = open('eventfd', native.newEvent())
      const workerEvent = open('eventfd', native.newEvent())
      return { memory, ownerEvent, workerEvent, bytes: mapMemory(native, memory) }
    } catch (error) {
      for (const fd of opened) native.close(fd)
      throw error
    }
  }

  /**
   * Gives back the memory of a worker that has ended.
   *
   * @param isUsedUp whether the user may still hold buffers in it, or a process uses it: then no other worker gets it
   */
  giveBack(memory: SharedMemory, { isUsedUp }: { isUsedUp: boolean }): void {
    // The next worker must not see old messages in it. Giving the pages back takes less time than
    // writing over them, and needs no memory meanwhile.
    const isClean = !isUsedUp && this.#native.freeSharedMemory(memory.memory, 0, WORKER_MEMORY_BYTES) === 0
    if (!isClean || this.#isClosed) return this.#close(memory)
    this.#native.clearEvent(memory.ownerEvent)
    this.#native.clearEvent(memory.workerEvent)
    this.#free.push(memory)
  }

  /** Closes the descriptors of the free memories, and of each memory that is given back later. */
  close(): void {
    this.#isClosed = true
    for (const memory of this.#free.splice(0)) this.#close(memory)
  }

  #close({ memory, ownerEvent, workerEvent }: SharedMemory): void {
    for (const fd of [memory, ownerEvent, workerEvent]) this.#native.close(fd)
  }
}
