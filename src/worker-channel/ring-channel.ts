// Runs in: owner and child. The worker channel through shared memory: a ring for each direction, and an event for each side to wake the
// other one when it sleeps, or when it waits for room.

import { Buffer } from 'node:buffer' // a program may delete the global one
import { type Native, resourceError, WATCH_READABLE, type Watcher } from '../platform/native.js'
import { nextTick } from '../platform/timers.js'
import { encodeFrameHeader, FrameDecoder, MAX_OWN_PAYLOAD } from '../wire/frames.js'
import { Ring, type RingPlace } from '../wire/worker/ring.js'
import type { Channel, ChannelListener } from './worker-channel.js'

/** So much is read in one turn of the event loop: who writes without pause must not stop the reader's timers. */
const ROUNDS_PER_TURN = 8
const BYTES_PER_ROUND = 128 * 1024
const NOTHING = new Uint8Array(0)

/** One side of a memory. */
export interface RingSite {
  bytes: ArrayBuffer
  incoming: RingPlace
  outgoing: RingPlace
  /** That the other side sets, and we read. */
  ownEvent: number
  peerEvent: number
  /** Whether the descriptors of the events are closed with the channel. */
  closesEvents: boolean
}

/** Over two rings. */
export class RingChannel implements Channel {
  readonly #native: Native
  readonly #site: RingSite
  readonly #listener: ChannelListener
  readonly #incoming: Ring
  readonly #outgoing: Ring
  readonly #decoder = new FrameDecoder({ maxLength: MAX_OWN_PAYLOAD })
  /** For which the ring has no room yet. */
  readonly #unsent: Uint8Array[] = []
  #watcher: Watcher | undefined
  #sent: (() => void) | undefined
  #isClosed = false
  #wakesSoon = false

  /** @throws ResourceError ERR_RESOURCE */
  constructor(native: Native, site: RingSite, listener: ChannelListener) {
    this.#native = native
    this.#site = site
    this.#listener = listener
    this.#incoming = new Ring(site.bytes, site.incoming)
    this.#outgoing = new Ring(site.bytes, site.outgoing)
    const watcher = native.watch(site.ownEvent, () => this.#wake())
    if (typeof watcher === 'number') throw resourceError('epoll_ctl', -watcher)
    this.#watcher = watcher
    native.watchFor(watcher, WATCH_READABLE)
    native.setEvent(site.ownEvent) // the other side may have been first
  }

  send(head: Uint8Array, body: Uint8Array = NOTHING, { mayWait = false } = {}): void {
    const header = encodeFrameHeader(head.length + body.length)
    const ring = this.#outgoing
    if (this.#unsent.length === 0 && ring.room >= header.length + head.length + body.length) {
      ring.write(header)
      ring.write(head)
      ring.write(body)
      ring.publish()
      if (mayWait) this.#wakeReaderSoon()
      else this.#wakeReader()
      return
    }
    this.#unsent.push(header, head, body)
    this.#flush()
  }

  #flush(): void {
    const ring = this.#outgoing
    for (let part: Uint8Array | undefined; (part = this.#unsent[0]); ) {
      const { room } = ring
      if (room === 0) {
        ring.publish()
        this.#wakeReader()
        if (ring.waitForRoom()) return
        continue
      }
      ring.write(part.subarray(0, room))
      if (part.length > room) this.#unsent[0] = part.subarray(room)
      else this.#unsent.shift()
    }
    ring.publish()
    this.#wakeReader()
    this.#tellSent()
  }

  #tellSent(): void {
    const sent = this.#sent
    this.#sent = undefined
    sent?.()
  }

  #wakeReader(): void {
    if (this.#outgoing.takeSleeper()) this.#wakePeer()
  }

  // Waking a process takes five microseconds. This runs when the promises that are settled now have been heard, so that what they send is one
  // wake-up.
  #wakeReaderSoon(): void {
    if (this.#wakesSoon) return
    this.#wakesSoon = true
    nextTick(() => {
      this.#wakesSoon = false
      this.#wakeReader()
    })
  }

  #wakePeer(): void {
    this.#native.setEvent(this.#site.peerEvent)
  }

  #wake(): void {
    this.#native.clearEvent(this.#site.ownEvent)
    if (this.#unsent.length > 0) this.#flush()
    for (let round = 0; round < ROUNDS_PER_TURN; round++) if (this.idle()) return
    this.#native.setEvent(this.#site.ownEvent) // and again, behind a turn of the loop
  }

  idle(): boolean {
    if (this.#read() === 0) return this.#isClosed || this.#incoming.sleep()
    for (let room = BYTES_PER_ROUND, length = 1; room > 0 && length > 0; room -= length) length = this.#read()
    return false
  }

  /** Hands over what stands in a piece. Returns its bytes. */
  #read(): number {
    const view = this.#isClosed ? undefined : this.#incoming.readable
    if (!view) return 0
    // Copied, because the room is needed again, and what was sent may be kept for long.
    const bytes = Buffer.from(view)
    if (this.#incoming.consume(bytes.length)) this.#wakePeer()
    try {
      for (const payload of this.#decoder.push(bytes)) this.#listener.onMessage(payload)
    } catch (error) {
      this.#listener.onFailure(error as Error)
    }
    return bytes.length
  }

  holdLoop(on: boolean): void {
    if (this.#watcher) this.#native.holdLoop(this.#watcher, on ? 1 : 0)
  }

  end(sent: () => void): void {
    if (this.#unsent.length === 0) sent()
    else this.#sent = sent
  }

  async finish(): Promise<void> {
    while (this.#read() > 0);
    this.close()
  }

  /** Closes this side at once. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#watcher) this.#native.unwatch(this.#watcher)
    this.#watcher = undefined
    const { ownEvent, peerEvent, closesEvents } = this.#site
    if (closesEvents) for (const fd of [ownEvent, peerEvent]) this.#native.close(fd)
  }
}
