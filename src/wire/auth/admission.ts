// Runs in: owner, template and child. Decides which clients may begin a handshake, because some clients connect and
// send nothing. Pure: its caller has the clock.
//
// Only `max` clients may be unproved at a time. Others wait in the kernel. If no client proves itself for a while, the
// oldest is dropped for one that waits. So clients that send nothing delay an honest one by that time at the most.
// Honest clients that are slow, because they are many or the machine is busy, are not dropped.

/** How long a client may stay while others wait and none proves itself, in milliseconds. */
export const UNDISTURBED_MS = 1_000

/** The clients of one listening socket that have not proved themselves. */
export class Admission<Client> {
  readonly #max: number
  /** When each client came, oldest first. */
  readonly #since = new Map<Client, number>()
  #lastProved = 0

  /** @param max how many clients may be unproved at a time */
  constructor(max: number) {
    this.#max = max
  }

  /** A client begins its handshake. All times are in milliseconds of one clock. */
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

  /** When one more client may be accepted. 0 if there is room. */
  get acceptsFrom(): number {
    return this.#since.size < this.#max ? 0 : Math.max(this.#oldest![1], this.#lastProved) + UNDISTURBED_MS
  }

  /** The client that has to be dropped for one more, or undefined. */
  get inTheWay(): Client | undefined {
    return this.#since.size < this.#max ? undefined : this.#oldest![0]
  }

  /** When the oldest client came; Infinity if there is none. */
  get oldestSince(): number {
    return this.#oldest?.[1] ?? Number.POSITIVE_INFINITY
  }

  /** The clients that came at that time or before. */
  hereSince(moment: number): Client[] {
    return [...this.#since].filter(([, since]) => since <= moment).map(([client]) => client)
  }

  get #oldest(): [Client, number] | undefined {
    for (const entry of this.#since) return entry
    return undefined
  }
}
