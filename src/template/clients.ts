// Runs in: template. The clients that are connected, and what each may do. Pure bookkeeping:
// serve-loop.ts does the I/O.
import { ProtocolError } from '../errors.js'
import { Admission } from '../wire/auth/admission.js'
import { Handshake, type HandshakeKeys, MAX_HANDSHAKE_PAYLOAD } from '../wire/auth/handshake.js'
import { ControlSession } from '../wire/control-codec.js'
import { ATTACH_DESCRIPTORS, type ControlMessageToTemplate, HAND_OVER_DESCRIPTORS } from '../wire/control-messages.js'
import { FrameDecoder } from '../wire/frames.js'
import type { LivingChild } from './living-child.js'
import { Unsent } from './unsent-replies.js'

/** A client has this long to prove itself, in milliseconds. An honest one needs less than one. */
export const HANDSHAKE_TIMEOUT_MS = 5_000
/** The most clients that have not proved themselves yet. More of them wait in the kernel. */
export const MAX_UNPROVED = 64
/** Descriptors of one message; null if the kernel had to drop them, because this process had no room for them. */
export type DescriptorSet = readonly number[] | null

/** A message that the template has to obey, and the descriptors that came with it. */
export interface Order {
  readonly message: ControlMessageToTemplate
  readonly descriptors: DescriptorSet
}

/** How many descriptors a message comes with. */
function descriptorsOf(message: ControlMessageToTemplate): number {
  if (message.name === 'attach') return ATTACH_DESCRIPTORS
  if (message.name === 'handOver') return HAND_OVER_DESCRIPTORS
  return message.name === 'fork' ? 1 + message.stdio : 0
}

/** One connection. */
export class Client {
  readonly fd: number
  readonly decoder = new FrameDecoder({ maxLength: MAX_HANDSHAKE_PAYLOAD })
  readonly handshake: Handshake
  /** What the client may send after the handshake. */
  readonly session = new ControlSession()
  /** Sets of descriptors that came and whose messages are not complete yet. They are closed with the client. */
  readonly descriptors: DescriptorSet[] = []
  /** Complete messages that wait to be obeyed, in this order. Their descriptors are closed with the client. */
  readonly orders: Order[] = []
  /** Read end of the owner's lifeline, from `attach` on. It is closed with the client. */
  lifeline = -1
  /** Replies that the socket would not take yet. */
  readonly unsent = new Unsent()
  /** Children that have not ended, by the id of their request. */
  readonly children = new Map<number, LivingChild>()
  /** Whether it is the owner that started this template. */
  readonly isStarter: boolean

  constructor(fd: number, keys: HandshakeKeys, isStarter: boolean) {
    this.fd = fd
    this.handshake = new Handshake('listener', keys)
    this.isStarter = isStarter
  }

  get isProved(): boolean {
    return this.handshake.isDone
  }

  get isAttached(): boolean {
    return this.lifeline >= 0
  }

  /**
   * Takes one payload after the handshake: it becomes an order.
   * @throws ProtocolError ERR_PROTOCOL
   */
  receive(payload: Buffer): void {
    const message = this.session.receive(payload)
    const count = descriptorsOf(message)
    this.orders.push({ message, descriptors: count === 0 ? [] : this.#takeDescriptors(count) })
  }

  /** Keeps descriptors that came: how many, and then each. A negative number means that the kernel dropped them. */
  keepDescriptors([count, ...fds]: Int32Array): void {
    if (count! < 0) this.descriptors.push(null)
    else if (count! > 0) this.descriptors.push(fds.slice(0, count))
  }

  /** The next set of descriptors, for a message that must have come with `count`: null if the kernel dropped them. */
  #takeDescriptors(count: number): DescriptorSet {
    const [set] = this.descriptors
    if (set === undefined || (set && set.length !== count)) {
      const text = `A message that needs ${count} descriptors came with ${set?.length ?? 'none'}.`
      throw new ProtocolError('ERR_PROTOCOL', text)
    }
    this.descriptors.shift()
    return set
  }

  /** Every descriptor that came with a message and was not taken over yet. */
  pendingDescriptors(): number[] {
    return [...this.descriptors, ...this.orders.map(({ descriptors }) => descriptors)].flatMap((set) => set ?? [])
  }
}

/** All connections and all living children. */
export class Clients {
  readonly #byFd = new Map<number, Client>()
  #isHandedOver = false
  readonly #byPid = new Map<number, { client: Client; id: number; child: LivingChild }>()
  /** The clients that have not proved themselves. The starter does not count: its event loop may be busy for long. */
  readonly unproved = new Admission<Client>(MAX_UNPROVED)

  add(client: Client, now: number): void {
    this.#byFd.set(client.fd, client)
    if (!client.isStarter) this.unproved.add(client, now)
  }

  remove(client: Client): void {
    this.#byFd.delete(client.fd)
    this.unproved.remove(client)
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

  /** The owner that started this template, if it is still there and attached. */
  get starter(): Client | undefined {
    for (const client of this.#byFd.values()) if (client.isStarter && client.isAttached) return client
    return undefined
  }

  /** Whether there is an owner. The template ends when there is none. */
  get hasOwner(): boolean {
    return this.ownersBeside(undefined) > 0
  }

  /**
   * Called when the next template takes over. From now on also those count as owners that have connected, but are not
   * attached yet: nobody would serve them, because the server goes on elsewhere.
   */
  handedOver(): void {
    this.#isHandedOver = true
  }

  /** How many owners there are without this one. */
  ownersBeside(client: Client | undefined): number {
    let count = 0
    for (const other of this.#byFd.values())
      if (other !== client && (other.isAttached || other.isStarter || this.#isHandedOver)) count++
    return count
  }

  childStarted(client: Client, id: number, child: LivingChild): void {
    client.children.set(id, child)
    this.#byPid.set(child.pid, { client, id, child })
  }

  /** The child with this pid, if its owner is still there. */
  child(pid: number): LivingChild | undefined {
    return this.#byPid.get(pid)?.child
  }

  /** Forgets a child that has ended. Returns its client, if that is still there. */
  childEnded(pid: number): { client: Client; id: number } | undefined {
    const found = this.#byPid.get(pid)
    this.#byPid.delete(pid)
    found?.client.children.delete(found.id)
    found?.client.session.settle(found.id)
    return found
  }

  /**
   * Every descriptor of the template that a child must not have. The lifeline of the child's own owner is not among
   * them: the child closes it once it holds the lifeline.
   */
  descriptorsToClose(ownLifeline: number): number[] {
    const fds: number[] = []
    for (const client of this.#byFd.values()) {
      fds.push(client.fd)
      if (client.lifeline >= 0 && client.lifeline !== ownLifeline) fds.push(client.lifeline)
      fds.push(...client.pendingDescriptors())
    }
    return fds
  }
}
