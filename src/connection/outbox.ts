// Runs in: owner and child. What the kernel would not take at once, in order, packed so that many small messages leave in one
// system call. Pure: it moves nothing itself.
import type { Outgoing, Sent } from './transport.js'

/** At most so many bytes of small messages are copied together. */
const PACK_BYTES = 64 * 1024
/** A message above this is not worth copying. */
const SMALL_BYTES = 16 * 1024

/** Bytes to be sent. */
export interface Item {
  readonly bytes: Uint8Array
  start: number
  readonly end: number
  descriptor: number
}

interface Waiting extends Item {
  /** Called when the last byte of a message has left; the header's item has none. */
  readonly sent: Sent | undefined
}

export class Outbox {
  #pack: Buffer | undefined
  #items: Waiting[] = []
  /** Items in front of this have left. */
  #head = 0

  get first(): Item | undefined {
    return this.#items[this.#head]
  }

  /** Adds what is left of a message of which `taken` bytes have left. */
  add({ header, headerLength, body, start, end, descriptor }: Outgoing, taken: number, sent: Sent): void {
    let carried = taken > 0 ? -1 : descriptor
    if (taken < headerLength) {
      // Headers are written into one buffer again and again.
      const rest = Buffer.from(header.subarray(taken, headerLength))
      this.#items.push({
        bytes: rest,
        start: 0,
        end: rest.length,
        descriptor: carried,
        sent: start === end ? sent : undefined,
      })
      carried = -1
      if (start === end) return
    }
    const from = start + Math.max(0, taken - headerLength)
    this.#items.push({ bytes: body, start: from, end, descriptor: carried, sent })
  }

  /** What to send next: the first item, or several small ones joined. */
  pack(): Item | undefined {
    const first = this.#items[this.#head]
    const second = this.#items[this.#head + 1]
    // A byte that carries a descriptor leaves alone: the receiver knows the descriptor by the end of what it came with.
    if (!first || !second || first.descriptor >= 0 || second.descriptor >= 0) return first
    if (!isSmall(first) || !isSmall(second)) return first
    const pack = (this.#pack ??= Buffer.allocUnsafeSlow(PACK_BYTES))
    let length = 0
    for (let at = this.#head; at < this.#items.length; at++) {
      const item = this.#items[at]!
      const bytes = item.end - item.start
      if (!isSmall(item) || length + bytes > PACK_BYTES || item.descriptor >= 0) break
      pack.set(item.bytes.subarray(item.start, item.end), length)
      length += bytes
    }
    return { bytes: pack, start: 0, end: length, descriptor: -1 }
  }

  /** So many bytes of it have left. */
  taken(count: number): void {
    const done: Sent[] = []
    for (let rest = count; rest > 0; ) {
      const item = this.#items[this.#head]!
      const bytes = Math.min(rest, item.end - item.start)
      item.start += bytes
      item.descriptor = -1 // it went with the first byte
      rest -= bytes
      if (item.start < item.end) break
      if (item.sent) done.push(item.sent)
      this.#head++
    }
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
      this.#pack = undefined
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    for (const sent of done) sent()
  }

  /** Nothing of it will leave any more. */
  fail(error: Error): void {
    const items = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    for (const { sent } of items) sent?.(error)
  }
}

function isSmall(item: Item): boolean {
  return item.end - item.start <= SMALL_BYTES
}
