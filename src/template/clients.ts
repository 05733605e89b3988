// Runs in: template. Who is connected and what each may do: bookkeeping only, fed by serve-loop.ts, which does the I/O.

import { ProtocolError } from '../errors.js'
import { Handshake, type HandshakeKeys, MAX_HANDSHAKE_PAYLOAD } from '../wire/auth/handshake.js'
import { ControlSession } from '../wire/control-codec.js'
import { FrameDecoder } from '../wire/frames.js'
import type { LivingChild } from './living-child.js'
import { Unsent } from './unsent-replies.js'

/** A client has this long to prove itself, in milliseconds. An honest one needs less than one. */
export const HANDSHAKE_DEADLINE_MS = 5_000
/** Clients that have not proved themselves; when one more comes, the oldest is dropped: it is the least likely to be honest. */
export const MAX_UNPROVED = 64

/** Descriptors of one message; null where the kernel had to drop them, because this process had no room for them. */
export type DescriptorSet = number[] | null

/** One connection. */
export class Client {
  readonly fd: number
  readonly decoder = new FrameDecoder({ maxLength: MAX_HANDSHAKE_PAYLOAD })
  readonly handshake: Handshake
  /** What the client may send, once it is proved. */
  readonly session = new ControlSession()
  /** When an unproved client is dropped, on the clock of performance.now(). */
  readonly deadline: number
  /** Sets of descriptors that came and whose messages are not complete yet. We close them with the client. */
  readonly descriptors: DescriptorSet[] = []
  /** Read end of the owner's lifeline, from `attach` on. We close it with the client. */
  lifeline = -1
  /** Replies that the socket would not take yet. */
  readonly unsent = new Unsent()
  /** Children that have not ended, by the id of their request. */
  readonly children = new Map<number, LivingChild>()

  /** The owner that started this template; it has no deadline, because its event loop may be busy for long. */
  readonly isStarter: boolean

  constructor(fd: number, keys: HandshakeKeys, isStarter: boolean, now: number) {
    this.fd = fd
    this.handshake = new Handshake('listener', keys)
    this.isStarter = isStarter
    this.deadline = isStarter ? Number.POSITIVE_INFINITY : now + HANDSHAKE_DEADLINE_MS
  }

  get isProved(): boolean {
    return this.handshake.isDone
  }

  get isAttached(): boolean {
    return this.lifeline >= 0
  }

  /**
   * Takes the next set of descriptors for a message that must have come with `count`: null where the kernel dropped them.
   * @throws ProtocolError ERR_PROTOCOL
   */
  takeDescriptors(count: number): readonly number[] | null {
    const [set] = this.descriptors
    if (set === undefined || (set && set.length !== count)) {
      throw new ProtocolError(
        'ERR_PROTOCOL',
        `A message that needs ${count} descriptors came with ${set?.length ?? 'none'}.`,
      )
    }
    this.descriptors.shift()
    return set
  }
}

/** All connections and all living children. */
export class Clients {
  readonly #byFd = new Map<number, Client>()
  readonly #byPid = new Map<number, { client: Client; id: number; child: LivingChild }>()

  add(client: Client): void {
    this.#byFd.set(client.fd, client)
  }

  remove(client: Client): void {
    this.#byFd.delete(client.fd)
    for (const { pid } of client.children.values()) this.#byPid.delete(pid)
  }

  has(client: Client): boolean {
    return this.#byFd.get(client.fd) === client
  }

  get(fd: number): Client | undefined {
    return this.#byFd.get(fd)
  }

  all(): IterableIterator<Client> {
    return this.#byFd.values()
  }

  /** Whether there is an owner: the template lives as long as there is one. */
  get hasOwner(): boolean {
    return this.ownersBeside(undefined) > 0
  }

  /** How many owners there are without this one. */
  ownersBeside(client: Client | undefined): number {
    let count = 0
    for (const other of this.#byFd.values()) if (other !== client && (other.isAttached || other.isStarter)) count++
    return count
  }

  /** The unproved clients, oldest first. */
  unproved(): Client[] {
    return [...this.#byFd.values()].filter((client) => !client.isProved)
  }

  childStarted(client: Client, id: number, child: LivingChild): void {
    client.children.set(id, child)
    this.#byPid.set(child.pid, { client, id, child })
  }

  /** The child with this pid, if its owner is still there. */
  child(pid: number): LivingChild | undefined {
    return this.#byPid.get(pid)?.child
  }

  /** Forgets a child that has ended and tells whose it was, if that client is still there. */
  childEnded(pid: number): { client: Client; id: number } | undefined {
    const found = this.#byPid.get(pid)
    this.#byPid.delete(pid)
    found?.client.children.delete(found.id)
    found?.client.session.settle(found.id)
    return found
  }

  /** Every descriptor of ours that a child must not have; the lifeline of its own owner is closed when it holds on to it. */
  descriptorsToClose(ownLifeline: number): number[] {
    const fds: number[] = []
    for (const client of this.#byFd.values()) {
      fds.push(client.fd)
      if (client.lifeline >= 0 && client.lifeline !== ownLifeline) fds.push(client.lifeline)
      for (const set of client.descriptors) if (set) fds.push(...set)
    }
    return fds
  }
}
