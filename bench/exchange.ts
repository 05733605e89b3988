// Runs in: owner, and the far end of each connection that is measured. What the two ends say to each other. Pure.
//
// A message of the size in question is sent back as it came. A count announces so many messages that are only received: when the last
// one is there, it is acknowledged by one. So a stream is bounded by its batch, and its cost is that of its messages.

const KIB = 1024
const MIB = KIB * KIB

/** Sizes of messages, in bytes. */
export const SIZES = [64, 4 * KIB, MIB] as const
const BATCH_BYTES = 16 * MIB
const MAX_BATCH = 4096

/** Messages that are sent before the other end is waited for: some ten milliseconds of them. */
export function batchOf(bytes: number): number {
  return Math.min(MAX_BATCH, BATCH_BYTES / bytes)
}

/** A size for people. */
export function sizeName(bytes: number): string {
  if (bytes >= MIB) return `${bytes / MIB} MiB`
  return bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`
}

/** Bytes of a count, where messages are bytes; no size is so small. */
export const COUNT_BYTES = 4
/** What acknowledges a batch. */
export const ACKNOWLEDGED = 0

/** A count as bytes. */
export function countToBytes(count: number): Buffer {
  const bytes = Buffer.alloc(COUNT_BYTES)
  bytes.writeUInt32BE(count)
  return bytes
}

/** The far end where messages come as events: what it says to each, if anything. */
export class Responder {
  #left = 0

  answer(message: unknown): unknown {
    if (typeof message === 'number') this.#left = message
    else if (this.#left === 0) return message
    else if (--this.#left === 0) return ACKNOWLEDGED
    return undefined
  }
}

/** Cuts a stream of bytes into frames of the simplest kind: 4 bytes of length, and so many bytes. Plain bytes may lie between them. */
export class PlainFrames {
  #chunks: Buffer[] = []
  #held = 0
  #wanted = COUNT_BYTES
  #isHeader = true
  #uncounted = 0
  #onCounted = (): void => {}
  readonly #onFrame: (frame: Buffer) => void

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  /** So many bytes that come next are only counted. After them the other end waits. */
  count(bytes: number, onCounted: () => void): void {
    this.#onCounted = onCounted
    this.#uncounted = bytes
    this.#counted(this.#held)
    this.#chunks = []
    this.#held = 0
  }

  #counted(bytes: number): void {
    this.#uncounted -= bytes
    if (this.#uncounted === 0) this.#onCounted()
  }

  push(chunk: Buffer): void {
    if (this.#uncounted > 0) return this.#counted(chunk.length)
    this.#chunks.push(chunk)
    this.#held += chunk.length
    while (this.#held >= this.#wanted) this.#take()
  }

  #take(): void {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const part = bytes.subarray(0, this.#wanted)
    this.#chunks = this.#held > this.#wanted ? [bytes.subarray(this.#wanted)] : []
    this.#held -= this.#wanted
    const isHeader = this.#isHeader
    this.#isHeader = !isHeader
    this.#wanted = isHeader ? part.readUInt32BE() : COUNT_BYTES
    if (!isHeader) this.#onFrame(part)
  }
}
