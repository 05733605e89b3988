// Runs in: template. Its loop: accept, authenticate, fork, reap. It is synchronous and uses the addon's poll(2),
// because no handle of the event loop may be open when it forks. The table in control-codec.ts says what a client may
// send. If a client sends anything else, its connection is closed, and no other client notices.
//
// A turn of the loop reads what the clients sent, and then obeys the messages one by one. A child is born in obey() and
// nowhere else.
import { closeSync } from 'node:fs'
import os from 'node:os'
import { AuthError, ForkServerError } from '../errors.js'
import { check, isErrno, type Native, POLLIN, POLLOUT, RECEIVED_DESCRIPTORS } from '../platform/native.js'
import { encodeControl, MAX_CONTROL_PAYLOAD, PROTOCOL_VERSION } from '../wire/control-codec.js'
import type { ControlMessage, ForkMessage } from '../wire/control-messages.js'
import { encodeFrame, encodeFrames } from '../wire/frames.js'
import type { RefusalReason } from '../wire/refusal-reasons.js'
import { MAX_STDIO, TEMPLATE_DESCRIPTORS } from '../wire/startup.js'
import { Client, Clients, type DescriptorSet, HANDSHAKE_TIMEOUT_MS, type Order } from './clients.js'
import { Listener } from './control-listener.js'
import { endTree, natureOf, signalChild } from './living-child.js'
import { type Polled, PollSet } from './poll-set.js'
import { Refusals } from './refusals.js'
import type { Birth, ServeHooks, ServePlace } from './serve-place.js'
import type { TemplateKeys } from './template-keys.js'
import { workerThreads } from './template-report.js'

const RECEIVE_BYTES = 4096
const NO_DESCRIPTORS = new Int32Array(0)

/** Serves until the last owner is gone, and then ends the process. Returns in a child only. */
export function serve(native: Native, keys: TemplateKeys, place: ServePlace, hooks: ServeHooks): Birth {
  return new ServeLoop(native, keys, place, hooks).run()
}

class ServeLoop {
  readonly #native: Native
  readonly #keys: TemplateKeys
  readonly #hooks: ServeHooks
  readonly #listener: Listener | null
  readonly #clients = new Clients()
  // Used again for each message. Buffer's pool would take a slab (64 kB on Node 24 to 26) every few hundred forks, and
  // free it in a full garbage collection only: a template that only forks has one after tens of thousands (8 MB).
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_BYTES)
  readonly #payload = Buffer.allocUnsafeSlow(MAX_CONTROL_PAYLOAD)
  readonly #frame = Buffer.allocUnsafeSlow(2 * MAX_CONTROL_PAYLOAD)
  readonly #descriptors = new Int32Array(RECEIVED_DESCRIPTORS)
  readonly #usage = new Float64Array(7)
  readonly #workers = workerThreads(process.execArgv)
  readonly #ownUid = process.geteuid!()
  readonly #polled: PollSet
  readonly #refusals: Refusals
  #childEvent = -1

  constructor(native: Native, keys: TemplateKeys, { listen, takesOver }: ServePlace, hooks: ServeHooks) {
    this.#native = native
    this.#keys = keys
    this.#polled = new PollSet(native)
    this.#refusals = new Refusals(native)
    const inheritance = takesOver ? TEMPLATE_DESCRIPTORS.inheritance : -1
    this.#listener = listen ? new Listener(native, listen, inheritance) : null
    this.#hooks = hooks
  }

  run(): Birth {
    this.#childEvent = check('eventfd', this.#native.watchChildren())
    const errno = this.#listener?.listen() ?? 0
    if (errno > 0) {
      this.#hooks.refused('listen', errno)
      this.#native.leave(1)
    }
    this.#welcome(TEMPLATE_DESCRIPTORS.control, true)
    this.#native.releaseLifeline()
    closeSync(TEMPLATE_DESCRIPTORS.lifeline)
    this.#hooks.listening()
    while (this.#clients.hasOwner) {
      const isCalled = this.#wait()
      const birth = this.#obeyAll()
      if (birth) return birth
      // Only now: if an order of this turn was to hand over the listening socket, clients are for the next template.
      if (isCalled) this.#accept()
    }
    this.#listener?.remove() // an owner that died has not removed it
    return this.#native.leave(0)
  }

  /** Waits for something to happen, and attends to it. Returns whether somebody wants to connect. */
  #wait(): boolean {
    const now = performance.now()
    this.#listener?.claimName(now)
    const { unproved } = this.#clients
    for (const client of unproved.hereSince(now - HANDSHAKE_TIMEOUT_MS))
      this.#refuse(client, 'it did not prove itself in time')
    const refused = this.#refusals.take(now)
    const { starter } = this.#clients
    if (refused && starter?.unsent.isEmpty) this.#reply(starter, refused)
    const acceptsFrom = Math.max(this.#listener?.restsUntil ?? Number.POSITIVE_INFINITY, unproved.acceptsFrom)
    const accepts = acceptsFrom <= now
    const nextLate = unproved.oldestSince + HANDSHAKE_TIMEOUT_MS
    const next = Math.min(nextLate, accepts ? Number.POSITIVE_INFINITY : acceptsFrom, this.#refusals.dueAt)
    const timeoutMs = Number.isFinite(next) ? Math.max(0, Math.ceil(next - now)) : -1
    let isCalled = false
    // SIGCHLD interrupts the wait. The next turn sees its event.
    for (const [fd, happened] of this.#polled.wait(this.#wanted(accepts ? this.#listener : null), timeoutMs)) {
      if (fd === this.#childEvent) this.#reap()
      else if (fd === this.#listener?.polled) isCalled = true
      else this.#attend(this.#clients.get(fd), happened)
    }
    return isCalled
  }

  #wanted(listener: Listener | null): Polled[] {
    const wanted: Polled[] = [[this.#childEvent, POLLIN]]
    if (listener && listener.polled >= 0) wanted.push([listener.polled, POLLIN])
    for (const client of this.#clients.all())
      wanted.push([client.fd, client.unsent.isEmpty ? POLLIN : POLLIN | POLLOUT])
    return wanted
  }

  #accept(): void {
    const listener = this.#listener
    const fd = listener && listener.polled >= 0 ? listener.accept() : -1
    if (fd < 0) return
    const oldest = this.#clients.unproved.inTheWay
    if (oldest) this.#refuse(oldest, 'others wait, and it had not proved itself')
    this.#welcome(fd, false)
  }

  #welcome(fd: number, isStarter: boolean): void {
    if (this.#native.peerUid(fd) !== this.#ownUid) {
      this.#refusals.note(fd, 'another user')
      this.#native.close(fd)
      return
    }
    const client = new Client(fd, this.#keys, isStarter)
    this.#clients.add(client, performance.now())
    this.#send(client, encodeFrames(client.handshake.start()))
  }

  #refuse(client: Client, reason: RefusalReason): void {
    if (this.#clients.has(client)) this.#refusals.note(client.fd, reason)
    this.#drop(client)
  }

  #drop(client: Client): void {
    if (!this.#clients.has(client)) return
    // The lifeline ends an owner's children, but not the processes that they started.
    for (const child of client.children.values()) if (!child.isDetached) endTree(child)
    this.#clients.remove(client)
    this.#native.close(client.fd)
    if (client.lifeline >= 0) this.#native.close(client.lifeline)
    this.#closeAll(client.pendingDescriptors())
    client.orders.length = 0
  }

  #closeAll(descriptors: readonly number[] | null): void {
    for (const fd of descriptors ?? []) this.#native.close(fd)
  }

  #reply(client: Client, message: ControlMessage): void {
    this.#send(client, encodeFrame(encodeControl(message, this.#payload), this.#frame))
  }

  #send(client: Client, frames: Buffer): void {
    if (!client.unsent.send(frames, this.#writer(client))) this.#drop(client)
  }

  #writer(client: Client): (bytes: Buffer) => number {
    return (bytes) => this.#native.send(client.fd, bytes, NO_DESCRIPTORS)
  }

  #attend(client: Client | undefined, happened: number): void {
    if (!client) return // dropped earlier in this turn
    if (happened & POLLOUT && !client.unsent.flush(this.#writer(client))) this.#drop(client)
    if (!(happened & ~POLLOUT) || !this.#clients.has(client)) return
    const length = this.#native.receive(client.fd, this.#received, this.#descriptors)
    if (isErrno(length, 'EAGAIN')) return
    client.keepDescriptors(this.#descriptors)
    if (length <= 0) return this.#drop(client)
    try {
      this.#read(client, this.#received.subarray(0, length))
    } catch (error) {
      if (!(error instanceof ForkServerError)) throw error
      this.#refuse(client, error instanceof AuthError ? 'it does not hold the key' : 'it broke the protocol')
    }
  }

  #read(client: Client, bytes: Buffer): void {
    // Frame by frame, because the limit of a frame's length changes with the last one of the handshake.
    client.decoder.append(bytes)
    if (!client.isProved) this.#prove(client)
    for (let payload: Buffer | undefined; client.isProved && (payload = client.decoder.next()); )
      client.receive(payload)
    client.decoder.keepUnread()
    // Descriptors come with the first byte of their message, so only the one message that is incomplete may have some
    // left. Any others came too early, before the handshake was done, or with a message that takes none.
    const allowed = client.isProved && client.decoder.pendingBytes > 0 ? 1 : 0
    if (client.descriptors.length > allowed) this.#drop(client)
  }

  #prove(client: Client): void {
    const answers: Buffer[] = []
    try {
      for (let payload: Buffer | undefined; !client.isProved && (payload = client.decoder.next()); ) {
        const { send, failure } = client.handshake.receive(Buffer.from(payload))
        answers.push(...send)
        if (failure) throw failure
      }
    } finally {
      if (answers.length > 0) this.#send(client, encodeFrames(answers))
    }
    if (!client.isProved) return
    this.#clients.unproved.proved(client, performance.now())
    client.decoder.maxLength = MAX_CONTROL_PAYLOAD
  }

  /** Obeys every message that was read. Returns in a child, or when there is nothing left to obey. */
  #obeyAll(): Birth | undefined {
    for (const client of this.#clients.all()) {
      for (let order = client.orders.shift(); order; order = client.orders.shift()) {
        const birth = this.#obey(client, order)
        if (birth) return birth
      }
    }
    return undefined
  }

  #obey(client: Client, { message, descriptors }: Order): Birth | undefined {
    switch (message.name) {
      case 'attach':
        return void this.#attach(client, descriptors)
      case 'fork':
        return this.#fork(client, message, descriptors)
      case 'signal': {
        const child = client.children.get(message.id)
        if (child) signalChild(child, message.signal)
        return undefined
      }
      case 'detach':
        return void this.#detach(client)
      case 'handOver':
        return void this.#handOver(client, descriptors)
    }
  }

  #attach(client: Client, descriptors: DescriptorSet): void {
    const [lifeline] = descriptors ?? []
    if (lifeline === undefined) return this.#drop(client)
    client.lifeline = lifeline
    this.#reply(client, { name: 'attached', version: PROTOCOL_VERSION, pid: process.pid })
  }

  #detach(client: Client): void {
    const owners = this.#clients.ownersBeside(client)
    // The name is removed first: a client must not connect after an owner was told that it is the last one.
    if (owners === 0) this.#listener?.remove()
    this.#reply(client, { name: 'detached', owners })
    this.#drop(client)
  }

  #handOver(client: Client, descriptors: DescriptorSet): void {
    if (client.isStarter) {
      this.#listener?.handOver(descriptors?.[0])
      this.#clients.handedOver()
    }
    this.#closeAll(descriptors)
    if (!client.isStarter) this.#drop(client)
  }

  #fork(client: Client, { id, flags, stdio }: ForkMessage, descriptors: DescriptorSet): Birth | undefined {
    const { hasSession, isDetached, isTree } = natureOf(flags)
    let pid = -os.constants.errno.EMFILE // the kernel dropped the descriptors, because this process has too many open
    if (descriptors) {
      const lifeline = isDetached ? -1 : client.lifeline
      const close = this.#clients.descriptorsToClose(lifeline)
      if (this.#listener) close.push(this.#listener.polled)
      const spec = Int32Array.of(lifeline, hasSession, this.#workers, MAX_STDIO, stdio, ...descriptors, ...close)
      pid = this.#native.fork(spec)
      if (pid === 0) return { channel: descriptors[0]!, isSpare: stdio === 0 }
      this.#closeAll(descriptors)
    }
    if (pid > 0) {
      this.#clients.childStarted(client, id, { pid, isTree, isDetached })
      this.#reply(client, { name: 'forked', id, pid })
      this.#hooks.forked()
    } else {
      client.session.settle(id)
      this.#reply(client, { name: 'forkFailed', id, errno: -pid })
    }
    return undefined
  }

  #reap(): void {
    const u = this.#usage
    for (let pid: number; (pid = this.#native.findEnded()) > 0; ) {
      const child = this.#clients.child(pid)
      if (child) endTree(child)
      this.#native.reap(pid, u)
      const found = this.#clients.childEnded(pid)
      if (!found) continue // its owner is gone
      const exit = { exitCode: u[0]!, signal: u[1]!, userMicros: u[2]!, systemMicros: u[3]! }
      const memory = { maxRssBytes: u[4]!, minorFaults: u[5]!, majorFaults: u[6]! }
      this.#reply(found.client, { name: 'exited', id: found.id, pid, ...exit, ...memory })
    }
  }
}
