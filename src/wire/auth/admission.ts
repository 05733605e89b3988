// Runs in: owner, template and child. Who may begin a handshake: a listening socket meets clients that connect and
// say nothing. Pure: its caller has the clock.
//
// So many clients may be unproved at a time. While there are so many, others wait in the kernel. If none of them proves
// itself for a while, the oldest makes room for one that waits. So clients that say nothing delay an honest one by this
// time at the most; and honest ones that are slow, because they are many or the machine is busy, are not disturbed.

/** How long a client stays though others wait and none proves itself, in milliseconds. */
export const UNDISTURBED_MS = 1_000

/** The clients of one listening socket that have not proved themselves. */
export class Admission<Client> {
  readonly #max: number
  /** Since when each is here, oldest first. */
  readonly #since = new Map<Client, number>()
  #lastProved = 0

  /** @param max how many clients may be unproved at a time */
  constructor(max: number) {
    this.#max = max
  }

  /** A client begins its handshake. All moments are on one clock, in milliseconds. */
  add(client: Client, now: number): void {
    this.#since.set(client, now)
  }

  /** A client has proved itself. */
  proved(client: Client, now: number): void {
    this.#lastProved = now
    this.remove(client)
  }

  /** A client is gone. */
  remove(client: Client): void {
    this.#since.delete(client)
  }

  /** From when on one more client may be accepted. 0 if there is room. */
  get acceptsFrom(): number {
    return this.#since.size < this.#max ? 0 : Math.max(this.#oldest![1], this.#lastProved) + UNDISTURBED_MS
  }

  /** The client that has to make room for one more, or undefined. */
  get inTheWay(): Client | undefined {
    return this.#since.size < this.#max ? undefined : this.#oldest![0]
  }

  /** Since when the oldest client is here; Infinity if there is none. */
  get oldestSince(): number {
    return this.#oldest?.[1] ?? Number.POSITIVE_INFINITY
  }

  /** The clients that are here since then, or longer. */
  hereSince(moment: number): Client[] {
    return [...this.#since].filter(([, since]) => since <= moment).map(([client]) => client)
  }

  get #oldest(): [Client, number] | undefined {
    for (const entry of this.#since) return entry
    return undefined
  }
}
