// Runs in: owner and child. Messages that wait to be sent, in order. Several are joined, so that they leave in one
// system call and wake the receiver once. Small messages are joined when they are added. Larger ones are joined only
// when they leave, because copies of many waiting messages would take much memory. Pure: it sends nothing itself.
import type { Outgoing, Sent } from './transport.js'

/** The largest number of bytes that are joined. */
export const PACK_BYTES = 64 * 1024
/** A message up to this size is copied when it is added. */
export const SMALL_BYTES = 1024
/** A message above this size is never copied. */
const MEDIUM_BYTES = 16 * 1024

/** Bytes to be sent. */
export interface Item {
  readonly bytes: Uint8Array
  start: number
  end: number
  descriptor: number
}

interface Waiting extends Item {
  /** The callbacks of the messages that end with these bytes. */
  readonly sent: Sent[]
  /** Whether small messages may still be appended. */
  readonly isPack: boolean
}

// One of each for all connections of a thread, because most of them leave before the next one is needed. If one has not
// left, a new one is allocated.
let sparePack: Buffer | undefined
let joined: Buffer | undefined

export class Outbox {
  #items: Waiting[] = []
  /** Items before this index have left. */
  #head = 0
  #bytes = 0

  get first(): Item | undefined {
    return this.#items[this.#head]
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds the rest of a message, of which `taken` bytes have left. */
  add({ header, headerLength, body, start, end, descriptor }: Outgoing, taken: number, sent: Sent): void {
    const length = headerLength + end - start
    this.#bytes += length - taken
    if (length <= SMALL_BYTES && taken === 0 && descriptor < 0) {
      const pack = this.#packFor(length)
      pack.bytes.set(header.subarray(0, headerLength), pack.end)
      pack.bytes.set(body.subarray(start, end), pack.end + headerLength)
      pack.end += length
      pack.sent.push(sent)
      return
    }
    let carried = taken > 0 ? -1 : descriptor
    if (taken < headerLength) {
      const rest = Buffer.from(header.subarray(taken, headerLength)) // all headers are written into the same buffer
      const isAll = start === end
      this.#items.push(itemOf(rest, 0, rest.length, { descriptor: carried, sent: isAll ? [sent] : [] }))
      carried = -1
      if (isAll) return
    }
    const from = start + Math.max(0, taken - headerLength)
    this.#items.push(itemOf(body, from, end, { descriptor: carried, sent: [sent] }))
  }

  #packFor(length: number): Waiting {
    const last = this.#items.at(-1)
    if (last?.isPack && last.bytes.length - last.end >= length) return last
    const bytes = sparePack ?? Buffer.allocUnsafeSlow(PACK_BYTES)
    sparePack = undefined
    const pack = { bytes, start: 0, end: 0, descriptor: -1, sent: [], isPack: true }
    this.#items.push(pack)
    return pack
  }

  /** What to send next: the first item, or several items joined. */
  next(): Item | undefined {
    const first = this.#items[this.#head]
    const second = this.#items[this.#head + 1]
    // A byte that carries a descriptor leaves alone. The receiver finds the descriptor at the end of the bytes that it
    // came with.
    if (!first || !second || !isJoinable(first) || !isJoinable(second)) return first
    joined ??= Buffer.allocUnsafeSlow(PACK_BYTES)
    let length = 0
    for (let at = this.#head; at < this.#items.length; at++) {
      const item = this.#items[at]!
      if (!isJoinable(item) || length + item.end - item.start > PACK_BYTES) break
      joined.set(item.bytes.subarray(item.start, item.end), length)
      length += item.end - item.start
    }
    return { bytes: joined, start: 0, end: length, descriptor: -1 }
  }

  /** Tells how many bytes of it have left. */
  taken(count: number): void {
    this.#bytes -= count
    const done: Sent[][] = []
    for (let rest = count; rest > 0; ) {
      const item = this.#items[this.#head]!
      const bytes = Math.min(rest, item.end - item.start)
      item.start += bytes
      item.descriptor = -1 // it left with the first byte
      rest -= bytes
      if (item.start < item.end) break
      if (item.isPack) sparePack = item.bytes as Buffer
      done.push(item.sent)
      this.#head++
    }
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    for (const messages of done) for (const sent of messages) sent()
  }

  /** Nothing more will leave. */
  fail(error: Error): void {
    const items = this.#items.slice(this.#head)
    this.#items = []
    this.#head = 0
    this.#bytes = 0
    for (const { sent } of items) for (const message of sent) message(error)
  }
}

function isJoinable({ start, end, descriptor }: Item): boolean {
  return end - start <= MEDIUM_BYTES && descriptor < 0
}

function itemOf(bytes: Uint8Array, start: number, end: number, rest: { descriptor: number; sent: Sent[] }): Waiting {
  return { bytes, start, end, ...rest, isPack: false }
}
