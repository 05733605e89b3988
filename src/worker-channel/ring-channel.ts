// Runs in: owner and child. The worker channel through shared memory: a ring for each direction, and an event for each
// side. A side sets the event of the other one to wake it, if that sleeps or waits for room.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError } from '../errors.js'
import { check, type Native, resourceError, WATCH_READABLE, type Watcher } from '../platform/native.js'
import { nextTick, setImmediate } from '../platform/timers.js'
import { CHECKED_HEADER_BYTES, encodeCheckedHeader, FrameDecoder, MAX_OWN_PAYLOAD } from '../wire/frames.js'
import { Ring, type RingPlace } from '../wire/worker/ring.js'
import type { Channel, ChannelListener } from './worker-channel.js'

/** How much is read in one turn of the event loop: a writer without pause must not stop the reader's timers. */
const ROUNDS_PER_TURN = 8
const BYTES_PER_ROUND = 128 * 1024
const NOTHING = new Uint8Array(0)
/** A process can be stopped between its message and its wake-up, but not this many times in a row. */
const MAX_UNTOLD = 3
const UNTOLD_TEXT =
  'A worker sends messages and does not wake its pool: a task has closed or replaced a descriptor that is not its own.'

/** One side of a memory. */
export interface RingSite {
  bytes: ArrayBuffer
  incoming: RingPlace
  outgoing: RingPlace
  /** The event that the other side sets and this side reads. */
  ownEvent: number
  peerEvent: number
  /** Whether the channel closes the descriptors of the events when it closes. */
  closesEvents: boolean
}

/** One end of a worker channel over two rings. After a violation it neither reads nor writes any more. */
export class RingChannel implements Channel {
  readonly #native: Native
  readonly #site: RingSite
  readonly #listener: ChannelListener
  readonly #incoming: Ring
  readonly #outgoing: Ring
  readonly #decoder = new FrameDecoder({ maxLength: MAX_OWN_PAYLOAD, isChecked: true })
  /** Parts of messages for which the ring has no room yet. */
  #unsent: Uint8Array[] = []
  #watcher: Watcher | undefined
  #sent: (() => void) | undefined
  /** Whether it is closed or broken: then nothing is read or written. */
  #isClosed = false
  /** How often this side's event was set. */
  #wakes = 0
  /** How often in a row messages came without the event. */
  #untold = 0
  #wakesSoon = false

  /** @throws ResourceError ERR_RESOURCE */
  constructor(native: Native, site: RingSite, listener: ChannelListener) {
    this.#native = native
    this.#site = site
    this.#listener = listener
    this.#incoming = new Ring(site.bytes, site.incoming, 'reader')
    this.#outgoing = new Ring(site.bytes, site.outgoing, 'writer')
    const watcher = native.watch(site.ownEvent, () => this.#wake())
    if (typeof watcher === 'number') throw resourceError('epoll_ctl', -watcher)
    this.#watcher = watcher
    native.watchFor(watcher, WATCH_READABLE)
    native.setEvent(site.ownEvent) // the other side may have been first
  }

  send(head: Uint8Array, body: Uint8Array = NOTHING, { mayWait = false } = {}): void {
    if (this.#isClosed) return
    this.#guard(() => {
      const length = head.length + body.length
      const header = encodeCheckedHeader(length)
      const ring = this.#outgoing
      if (this.#unsent.length === 0 && ring.room >= CHECKED_HEADER_BYTES + length) {
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
    })
  }

  /** Runs a part of the channel. If the memory or an event is broken, only this channel ends. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      const isFirst = !this.#isClosed
      this.#stop()
      if (isFirst) this.#listener.onFailure(error as Error)
    }
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

  // It takes five microseconds to wake a process. This runs after the callbacks of the promises that are settled now,
  // so that all their messages need one wake-up.
  #wakeReaderSoon(): void {
    if (this.#wakesSoon) return
    this.#wakesSoon = true
    nextTick(() => {
      this.#wakesSoon = false
      // The number of a closed descriptor may belong to another file by now.
      if (!this.#isClosed) this.#guard(() => this.#wakeReader())
    })
  }

  /** @throws ResourceError ERR_RESOURCE if a task has closed the descriptor: nobody would ever wake the other side */
  #wakePeer(): void {
    check('eventfd_write', this.#native.setEvent(this.#site.peerEvent))
  }

  #wake(): void {
    if (this.#isClosed) return
    this.#wakes++
    this.#untold = 0
    this.#guard(() => {
      check('eventfd_read', this.#native.clearEvent(this.#site.ownEvent))
      if (this.#unsent.length > 0) this.#flush()
      for (let round = 0; round < ROUNDS_PER_TURN; round++) if (this.idle()) return
      this.#native.setEvent(this.#site.ownEvent) // and again, after a turn of the loop
    })
  }

  /**
   * Repairs what a task may have broken: the words that say which side sleeps, or an event that was replaced. Call it
   * from time to time. It wakes the other side if that has something to do, and reads messages that no event announced.
   *
   * @param isOwing whether the other side owes an answer
   */
  recover(isOwing: boolean): void {
    if (this.#isClosed) return
    this.#guard(() => {
      if (!isOwing && this.#unsent.length === 0 && this.#outgoing.isRead) return
      if (this.#unsent.length > 0) this.#flush()
      this.#wakePeer()
      if (!this.#incoming.readable) return
      const wakes = this.#wakes
      setImmediate(() => this.#readUntold(wakes)) // after the events of this turn of the loop
    })
  }

  #readUntold(wakes: number): void {
    if (this.#isClosed || this.#wakes !== wakes) return
    this.#guard(() => {
      if (!this.#incoming.readable) return
      if (++this.#untold === MAX_UNTOLD) throw new ProtocolError('ERR_PROTOCOL', UNTOLD_TEXT)
      for (let round = 0; round < ROUNDS_PER_TURN; round++) if (this.idle()) return
    })
  }

  idle(): boolean {
    if (this.#read() === 0) return this.#isClosed || this.#incoming.sleep()
    for (let room = BYTES_PER_ROUND, length = 1; room > 0 && length > 0; room -= length) length = this.#read()
    return false
  }

  /** Reads the messages of a piece. Returns how many bytes it had. */
  #read(): number {
    let length = 0
    if (this.#isClosed) return length
    this.#guard(() => {
      const view = this.#incoming.readable
      if (!view) return
      // Copied, because the room is used again, a message may be kept for long, and a task could
      // change it while it is read.
      const bytes = Buffer.from(view)
      length = bytes.length
      if (this.#incoming.consume(length)) this.#wakePeer()
      this.#decoder.append(bytes)
      for (let payload: Buffer | undefined; (payload = this.#decoder.next()); ) this.#tell(payload)
    })
    return length
  }

  #tell(payload: Buffer): void {
    try {
      this.#listener.onMessage(payload)
    } catch (error) {
      this.#listener.onFailure(error as Error)
    }
  }

  holdLoop(on: boolean): void {
    if (this.#watcher) this.#native.holdLoop(this.#watcher, on ? 1 : 0)
  }

  flushed(): Promise<void> | undefined {
    return this.#unsent.length === 0 ? undefined : new Promise((resolve) => this.end(resolve))
  }

  end(sent: () => void): void {
    if (this.#unsent.length === 0) sent()
    else this.#sent = sent
  }

  async finish(): Promise<void> {
    // The dead process has left at most one ring of bytes. A process that still writes, such as a debugger, is ignored.
    for (let room = this.#site.incoming.size, length = 1; room > 0 && length > 0; room -= length) length = this.#read()
    this.close()
  }

  /** Closes this side at once. */
  close(): void {
    if (!this.#watcher) return
    this.#stop()
    this.#native.unwatch(this.#watcher)
    this.#watcher = undefined
    const { ownEvent, peerEvent, closesEvents } = this.#site
    if (closesEvents) for (const fd of [ownEvent, peerEvent]) this.#native.close(fd)
  }

  #stop(): void {
    this.#isClosed = true
    this.#unsent = []
    // The other side may set the event again, and nobody clears it any more.
    if (this.#watcher) this.#native.watchFor(this.#watcher, 0)
    this.#tellSent()
  }
}
