// Runs in: template. Waits for descriptors by poll(2). The memory for the call is used again in each turn of the loop.
import { check, isErrno, type Native } from '../platform/native.js'

const FIELDS = 3
const HAPPENED = 2

/** A descriptor, and the events to wait for or that have happened: bits of poll(2). */
export type Polled = readonly [fd: number, events: number]

/** Waits for changing sets of descriptors. */
export class PollSet {
  readonly #native: Native
  #fields = new Int32Array(64 * FIELDS)

  constructor(native: Native) {
    this.#native = native
  }

  /**
   * Waits until something happens to one of them.
   *
   * @param timeoutMs how long, in milliseconds; -1 for ever
   * @returns the descriptors that are ready; none if the time is over or a signal has interrupted the call
   * @throws ResourceError ERR_RESOURCE
   */
  wait(wanted: readonly Polled[], timeoutMs: number): Polled[] {
    if (this.#fields.length < wanted.length * FIELDS) this.#fields = new Int32Array(2 * wanted.length * FIELDS)
    for (const [index, [fd, events]] of wanted.entries()) this.#fields.set([fd, events, 0], index * FIELDS)
    const ready = this.#native.poll(this.#fields, wanted.length, timeoutMs)
    if (isErrno(ready, 'EINTR')) return []
    check('poll', ready)
    return wanted
      .map(([fd], index): Polled => [fd, this.#fields[index * FIELDS + HAPPENED]!])
      .filter(([, happened]) => happened !== 0)
  }
}
