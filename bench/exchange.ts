// Runs in: owner, and the far end of each measured connection. The protocol between the two ends. Pure.
//
// A message of the measured size is sent back unchanged. A count announces that so many messages follow which are only
// received; when the last one has arrived, one message acknowledges them. So a stream is never longer than its batch,
// and its cost is that of its messages.

const KIB = 1024
const MIB = KIB * KIB

/** Sizes of messages, in bytes. */
export const SIZES = [64, 4 * KIB, MIB] as const
const BATCH_BYTES = 16 * MIB
const MAX_BATCH = 4096

/** How many messages are sent before the other end acknowledges: about ten milliseconds of them. */
export function batchOf(bytes: number): number {
  return Math.min(MAX_BATCH, BATCH_BYTES / bytes)
}

/** A size as text for people. */
export function sizeName(bytes: number): string {
  if (bytes >= MIB) return `${bytes / MIB} MiB`
  return bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`
}

/** The size of a count in bytes, if messages are bytes. No measured size is that small. */
export const COUNT_BYTES = 4
/** The message that acknowledges a batch. */
export const ACKNOWLEDGED = 0

/** A count as bytes. */
export function countToBytes(count: number): Buffer {
  const bytes = Buffer.alloc(COUNT_BYTES)
  bytes.writeUInt32BE(count)
  return bytes
}

/** A far end that gets messages as events: returns its answer to each, if there is one. */
export class Responder {
  #left = 0

  answer(message: unknown): unknown {
    if (typeof message === 'number') this.#left = message
    else if (this.#left === 0) return message
    else if (--this.#left === 0) return ACKNOWLEDGED
    return undefined
  }
}

/**
 * Cuts a stream of bytes into the simplest frames: 4 bytes of length, then the bytes. Plain bytes may come between
 * frames.
 */
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

  /** The next bytes, as many as this says, are only counted. The other end waits after them. */
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
