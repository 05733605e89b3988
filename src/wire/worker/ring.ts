// Runs in: owner and child. A stream of bytes from one process to another through memory that both share.
// Pure: ring-channel.ts wakes the other side.
//
// A pipe costs both sides a system call for each message, and one more to wake a sleeping reader. Here a message costs
// a copy, and a system call only if the reader sleeps. The owner can also read the bytes of a writer that has died.
//
// One side writes, the other reads. Each position is stored by one side only, after the bytes. Both
// positions are counted modulo 2^32. A side that wants to sleep sets its flag and then looks once more. A
// side that may have to wake the other publishes first and then looks at the flag. Atomics are sequentially
// consistent, so one of the two sees the other.
//
// A task can write anything into this memory. So each side keeps its own position to itself, and checks the position of
// the other side each time it reads it.
import { ProtocolError } from '../../errors.js'

// Words, each in a cache line of its own (64 bytes), so that the two sides do not slow each other down.
const WRITTEN = 0
const READ = 16
const READER_SLEEPS = 32
const WRITER_WAITS = 48
/** Size of a ring's words, in bytes. */
export const RING_CONTROL_BYTES = 256

/** Where a ring lies in a memory. */
export interface RingPlace {
  /** Offset of its words: a multiple of 4. */
  control: number
  /** Offset of its bytes. */
  start: number
  /** How many bytes it holds: a power of two. */
  size: number
}

/** One end of a ring. Each side makes one over the same memory, and is either the writer or the reader. */
export class Ring {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #size: number
  /** This side's position as it was published: the shared word is only for the other side. */
  #position: number
  /** How many bytes this side has written and not published yet. */
  #unpublished = 0

  /** @param side which of the two positions belongs to this side */
  constructor(memory: ArrayBuffer, { control, start, size }: RingPlace, side: 'writer' | 'reader') {
    this.#words = new Int32Array(memory, control, RING_CONTROL_BYTES / 4)
    this.#bytes = new Uint8Array(memory, start, size)
    this.#size = size
    this.#position = this.#words[side === 'writer' ? WRITTEN : READ]!
  }

  /**
   * Writer: how many bytes can be written now.
   * @throws ProtocolError ERR_PROTOCOL if a position is wrong
   */
  get room(): number {
    return this.#size - this.#unpublished - this.#held(this.#position, Atomics.load(this.#words, READ), WRITTEN)
  }

  /** Writer: whether the reader has read all published bytes. */
  get isRead(): boolean {
    return this.#held(this.#position, Atomics.load(this.#words, READ), WRITTEN) === 0
  }

  /**
   * How many bytes lie between both positions. Only this side may store its own, so another value
   * there is a violation, too.
   */
  #held(written: number, read: number, own: typeof WRITTEN | typeof READ): number {
    const held = (written - read) >>> 0
    if (held <= this.#size && this.#words[own] === this.#position) return held
    throw new ProtocolError(
      'ERR_PROTOCOL',
      'The positions of a ring of bytes between a pool and its worker are wrong: a task has overwritten them.',
    )
  }

  /** Writer: writes bytes. There must be room for them. The reader sees them when they are published. */
  write(bytes: Uint8Array): void {
    const at = (this.#position + this.#unpublished) & (this.#size - 1)
    const first = this.#size - at
    if (bytes.length <= first) {
      this.#bytes.set(bytes, at)
    } else {
      this.#bytes.set(bytes.subarray(0, first), at)
      this.#bytes.set(bytes.subarray(first), 0)
    }
    this.#unpublished += bytes.length
  }

  /** Writer: publishes the bytes that it has written, so that the reader sees them. */
  publish(): void {
    this.#position = (this.#position + this.#unpublished) | 0
    this.#unpublished = 0
    Atomics.store(this.#words, WRITTEN, this.#position)
  }

  /** Writer: whether the reader sleeps. If so, the caller has to wake it: the answer is true once for each sleep. */
  takeSleeper(): boolean {
    return Atomics.load(this.#words, READER_SLEEPS) === 1 && Atomics.exchange(this.#words, READER_SLEEPS, 0) === 1
  }

  /**
   * Writer: asks to be woken when there is room. Returns false if there is some now.
   * @throws ProtocolError ERR_PROTOCOL if a position is wrong
   */
  waitForRoom(): boolean {
    Atomics.store(this.#words, WRITER_WAITS, 1)
    return this.room === 0
  }

  /**
   * Reader: bytes that can be read now, as a view of the memory, or none. More bytes may follow at
   * the start of the memory.
   * @throws ProtocolError ERR_PROTOCOL if a position is wrong
   */
  get readable(): Uint8Array | undefined {
    const length = this.#held(Atomics.load(this.#words, WRITTEN), this.#position, READ)
    if (length === 0) return undefined
    const at = this.#position & (this.#size - 1)
    return this.#bytes.subarray(at, Math.min(at + length, this.#size))
  }

  /**
   * Reader: frees the room of bytes that it has read.
   * @returns whether the writer waits for room; then the caller has to wake it
   */
  consume(bytes: number): boolean {
    this.#position = (this.#position + bytes) | 0
    Atomics.store(this.#words, READ, this.#position)
    return Atomics.load(this.#words, WRITER_WAITS) === 1 && Atomics.exchange(this.#words, WRITER_WAITS, 0) === 1
  }

  /** Reader: asks to be woken when there is something to read. Returns false if there is something now. */
  sleep(): boolean {
    Atomics.store(this.#words, READER_SLEEPS, 1)
    if (Atomics.load(this.#words, WRITTEN) === this.#position) return true
    Atomics.store(this.#words, READER_SLEEPS, 0)
    return false
  }
}
