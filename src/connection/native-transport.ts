// Runs in: owner and child. A unix socket, used by our own system calls instead of a Node stream: one call sends header
// and payload, a large message is read directly into its own memory, and descriptors can be passed.

import { ProtocolError, type ResourceError, UsageError } from '../errors.js'
import {
  errnoName,
  isErrno,
  type Native,
  RECEIVED_DESCRIPTORS,
  resourceError,
  WATCH_READABLE,
  WATCH_WRITABLE,
  type Watcher,
} from '../platform/native.js'
import { nextTick } from '../platform/timers.js'
import { type Item, Outbox, PACK_BYTES, SMALL_BYTES } from './outbox.js'
import type { Outgoing, Sent, Sink, Transport } from './transport.js'

// One chunk for all connections of a thread: what was read is taken out of it before the next read.
const CHUNK = Buffer.allocUnsafeSlow(64 * 1024)
const RECEIVED = new Int32Array(RECEIVED_DESCRIPTORS)
/**
 * The send buffer that a connection asks the kernel for once the default one was full. Linux grants at most twice
 * net.core.wmem_max, by default 416 KiB.
 */
const SEND_BUFFER_BYTES = 1024 * 1024
/**
 * This many messages of one turn of the event loop leave at once, each in a system call of its own. Later messages of
 * that turn are joined and leave at its end. So a few messages are not delayed by what their sender does next, and
 * thousands of messages need a tenth of the system calls.
 */
const MESSAGES_AT_ONCE = 8
/** How many system calls are made for one event, before other connections have their turn. */
const CALLS_IN_A_ROW = 16

/** The error for a failed system call. If the other side has closed, the error has a code of its own. */
function connectionError(syscall: string, errno: number): ProtocolError | ResourceError {
  const name = errnoName(errno)
  if (name !== 'EPIPE' && name !== 'ECONNRESET') return resourceError(syscall, errno)
  const text = `The other side has closed the connection (${name}). You cannot send any more.`
  return new ProtocolError('ERR_CONNECTION_CLOSED', text)
}

export class NativeTransport implements Transport {
  readonly passesDescriptors = true
  readonly #native: Native
  readonly #outbox = new Outbox()
  #fd: number
  #sink: Sink | undefined
  #watcher: Watcher | undefined
  #watched = 0
  #holds = true
  #isReading = false
  #isWaiting = false
  #isEnded = false
  #isEnding = false
  #isRoomy = false
  /** The kernel takes no more bytes. We wait until it reports that it does. */
  #isFull = false
  /** How many messages were sent in this turn of the event loop. */
  #inTurn = 0
  readonly #endTurn = (): void => {
    this.#inTurn = 0
    if (this.#fd >= 0 && !this.#isFull) this.#flush()
    this.#update()
  }

  /** Takes ownership of the descriptor. */
  constructor(native: Native, fd: number) {
    this.#native = native
    this.#fd = fd
  }

  get fd(): number | undefined {
    return this.#fd < 0 ? undefined : this.#fd
  }

  attach(sink: Sink): void {
    this.#sink = sink
  }

  setReading(on: boolean): void {
    if (on === this.#isReading) return
    this.#isReading = on
    this.#update()
  }

  setWaiting(on: boolean): void {
    if (on === this.#isWaiting) return
    this.#isWaiting = on
    this.#update()
  }

  /** Tells the kernel which events to report, only if that has changed: each change is a system call. */
  #update(): void {
    if (this.#fd < 0) return
    const isUnsent = this.#outbox.first !== undefined
    const events = (this.#isReading && !this.#isEnded ? WATCH_READABLE : 0) | (this.#isFull ? WATCH_WRITABLE : 0)
    if (events !== this.#watched) {
      // Not earlier: watching a descriptor makes it non-blocking, and it may be meant for another program.
      if (!this.#watcher) this.#startWatching()
      this.#native.watchFor(this.#watcher!, events)
      this.#watched = events
    }
    const holds = this.#isWaiting || isUnsent
    if (this.#watcher && holds !== this.#holds) {
      this.#native.holdLoop(this.#watcher, holds ? 1 : 0)
      this.#holds = holds
    }
  }

  #startWatching(): void {
    const watcher = this.#native.watch(this.#fd, (events) => this.#report(events))
    if (typeof watcher === 'number') throw resourceError('epoll_ctl', -watcher)
    this.#watcher = watcher
    this.#holds = true
  }

  #report(events: number): void {
    // For EPOLLERR libuv reports EBADF and stops watching. The next read or write returns the actual error.
    if (events < 0) this.#watched = 0
    if (events < 0 || events & WATCH_WRITABLE) this.#flush()
    if (events < 0 || events & WATCH_READABLE) this.#read()
    this.#update()
  }

  #read(): void {
    const sink = this.#sink!
    for (let calls = 0; this.#isReading && !this.#isEnded && this.#fd >= 0 && calls < CALLS_IN_A_ROW; calls++) {
      const place = sink.destination()
      const room = place ? place.end - place.start : CHUNK.length
      const got = place
        ? this.#native.receiveInto(this.#fd, place.bytes, place.start, place.end, RECEIVED)
        : this.#native.receiveInto(this.#fd, CHUNK, 0, room, RECEIVED)
      if (got <= 0) return this.#nothing(got)
      if (RECEIVED[0] !== 0) {
        sink.descriptors(RECEIVED[0]! < 0 ? null : [...RECEIVED.subarray(1, 1 + RECEIVED[0]!)], got)
      }
      if (place) sink.filled(got)
      else sink.data(CHUNK, got)
      if (got < room) return
    }
  }

  #nothing(got: number): void {
    if (isErrno(got, 'EAGAIN')) return
    this.#isEnded = true
    if (got === 0) this.#sink!.end()
    else this.#sink!.end(Object.assign(new Error(`recvmsg: ${errnoName(-got)}`), { code: errnoName(-got) }))
  }

  send(outgoing: Outgoing, sent: Sent): boolean {
    const { header, headerLength, body, start, end, descriptor } = outgoing
    if (this.#inTurn++ === 0) nextTick(this.#endTurn)
    const isJoined = this.#inTurn > MESSAGES_AT_ONCE && headerLength + end - start <= SMALL_BYTES
    if (!isJoined && this.#outbox.first && !this.#isFull) this.#flush()
    let taken = 0
    if (!isJoined && !this.#outbox.first) {
      taken = this.#native.sendParts(this.#fd, header, headerLength, body, start, end, descriptor)
      if (taken === headerLength + end - start) return true
      if (taken < 0 && !isErrno(taken, 'EAGAIN')) throw connectionError('sendmsg', -taken)
      taken = Math.max(0, taken)
      this.#isFull = true
      this.#makeRoom()
    }
    this.#outbox.add(outgoing, taken, sent)
    if (!this.#isFull && this.#outbox.bytes >= PACK_BYTES) this.#flush()
    if (this.#isFull) this.#update()
    return false
  }

  #makeRoom(): void {
    // A larger buffer for a sender of large messages: half as many turns of both event loops for a megabyte.
    if (!this.#isRoomy) this.#native.setSendBuffer(this.#fd, SEND_BUFFER_BYTES)
    this.#isRoomy = true
  }

  #flush(): void {
    this.#isFull = false
    for (let calls = 0, item: Item | undefined; (item = this.#outbox.next()); calls++) {
      if (calls === CALLS_IN_A_ROW) {
        this.#isFull = true // perhaps not, but other connections have their turn now
        return
      }
      const taken = this.#native.sendParts(this.#fd, item.bytes, 0, item.bytes, item.start, item.end, item.descriptor)
      if (isErrno(taken, 'EAGAIN')) {
        this.#isFull = true
        return this.#makeRoom()
      }
      if (taken < 0) return this.#outbox.fail(connectionError('sendmsg', -taken))
      this.#outbox.taken(taken)
    }
    if (this.#isEnding) this.endWriting()
  }

  endWriting(): void {
    this.#isEnding = true
    if (!this.#outbox.first && this.#fd >= 0) this.#native.shutdownWriting(this.#fd)
  }

  detach(): number {
    const fd = this.#fd
    if (!this.#isFull) this.#flush()
    if (this.#outbox.first) {
      this.#update()
      // Nobody could finish a half of a frame behind the descriptor's new owner.
      throw new UsageError('ERR_INVALID_STATE', 'Messages wait to be sent: await send() before detach().')
    }
    this.#stop()
    this.#native.setBlocking(fd)
    return fd
  }

  #stop(): void {
    if (this.#watcher) this.#native.unwatch(this.#watcher)
    this.#watcher = undefined
    this.#fd = -1
  }

  close(error: Error): Promise<void> {
    if (this.#fd >= 0) {
      const fd = this.#fd
      if (!this.#isFull) this.#flush() // send what was collected in this turn
      this.#stop()
      this.#native.close(fd)
    }
    this.#outbox.fail(error)
    return Promise.resolve()
  }
}
