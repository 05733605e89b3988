// Runs in: owner and child. A stream of bytes from one process to another through memory that both see. Pure: who is to be woken is told,
// and woken by ring-channel.ts.
//
// A pipe costs both sides a system call for each message, and a sleeping reader's wake-up on top. Here a message costs a copy, and a
// system call only where the reader sleeps. And what was written can be read when the writer is dead, whatever killed it.
//
// One writes, one reads. Each position is written by one side only, and after the bytes; both count on for ever, modulo 2^32. A sleeper
// first says so and then looks once more, and who wakes first publishes and then asks: as Atomics are sequentially consistent, one of them sees
// the other.

// Words, each in a cache line of its own (64 bytes), so that the sides do not wait for each other's.
const WRITTEN = 0
const READ = 16
const READER_SLEEPS = 32
const WRITER_WAITS = 48
/** Bytes of a ring's words. */
export const RING_CONTROL_BYTES = 256

/** Where a ring lies in a memory. */
export interface RingPlace {
  /** Of its words; a multiple of 4. */
  control: number
  /** Of its bytes. */
  start: number
  /** How many these are: a power of two. */
  size: number
}

/** One end of a ring: either side makes its own over the same memory, which begins zeroed. */
export class Ring {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #size: number
  /** Written by us and not published yet. */
  #unpublished = 0

  constructor(memory: ArrayBuffer, { control, start, size }: RingPlace) {
    this.#words = new Int32Array(memory, control, RING_CONTROL_BYTES / 4)
    this.#bytes = new Uint8Array(memory, start, size)
    this.#size = size
  }

  /** Writer: how many bytes can be written now. */
  get room(): number {
    return this.#size - this.#unpublished - ((this.#words[WRITTEN]! - Atomics.load(this.#words, READ)) >>> 0)
  }

  /** Writer: writes bytes for which there is room. The reader sees them when they are published. */
  write(bytes: Uint8Array): void {
    const at = (this.#words[WRITTEN]! + this.#unpublished) & (this.#size - 1)
    const first = this.#size - at
    if (bytes.length <= first) {
      this.#bytes.set(bytes, at)
    } else {
      this.#bytes.set(bytes.subarray(0, first), at)
      this.#bytes.set(bytes.subarray(first), 0)
    }
    this.#unpublished += bytes.length
  }

  /** Writer: lets the reader see what was written. */
  publish(): void {
    Atomics.store(this.#words, WRITTEN, (this.#words[WRITTEN]! + this.#unpublished) | 0)
    this.#unpublished = 0
  }

  /** Writer: whether the reader sleeps, and has to be woken; who hears so has to do it. */
  takeSleeper(): boolean {
    return Atomics.load(this.#words, READER_SLEEPS) === 1 && Atomics.exchange(this.#words, READER_SLEEPS, 0) === 1
  }

  /** Writer: asks to be woken when there is room. False where there is some now. */
  waitForRoom(): boolean {
    Atomics.store(this.#words, WRITER_WAITS, 1)
    return this.room === 0
  }

  /** Reader: bytes that can be read now, as a view of the memory, or none; there may be more behind them. */
  get readable(): Uint8Array | undefined {
    const read = this.#words[READ]!
    const length = (Atomics.load(this.#words, WRITTEN) - read) >>> 0
    if (length === 0) return undefined
    const at = read & (this.#size - 1)
    return this.#bytes.subarray(at, Math.min(at + length, this.#size))
  }

  /** Reader: gives the room of bytes back that it has read. Returns whether the writer waits for room, and has to be woken. */
  consume(bytes: number): boolean {
    Atomics.store(this.#words, READ, (this.#words[READ]! + bytes) | 0)
    return Atomics.load(this.#words, WRITER_WAITS) === 1 && Atomics.exchange(this.#words, WRITER_WAITS, 0) === 1
  }

  /** Reader: asks to be woken when there is something. False where there is something now. */
  sleep(): boolean {
    Atomics.store(this.#words, READER_SLEEPS, 1)
    if (Atomics.load(this.#words, WRITTEN) === this.#words[READ]) return true
    Atomics.store(this.#words, READER_SLEEPS, 0)
    return false
  }
}
