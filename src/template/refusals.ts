// Runs in: template. The clients that were refused, until the owner that started the template is told of them.
//
// Anybody may connect to an abstract name, as often as they like. So the owner is told at most once a second, and then
// how many there were.
import type { Native } from '../platform/native.js'
import type { ControlMessage } from '../wire/control-messages.js'
import { REFUSALS, type RefusalReason } from '../wire/refusal-reasons.js'

/** How long it takes from one message to the next, in milliseconds. */
export const TELL_MS = 1_000

/** The refusals of which the owner does not know. */
export class Refusals {
  readonly #native: Pick<Native, 'peerPid' | 'peerUid'>
  #next: ControlMessage<'refused'> | undefined
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(native: Pick<Native, 'peerPid' | 'peerUid'>) {
    this.#native = native
  }

  /** The client of this connection, which is still open, is refused. */
  note(fd: number, reason: RefusalReason): void {
    const [uid, peer] = [this.#native.peerUid(fd), this.#native.peerPid(fd)].map((id) => Math.max(0, id))
    const count = (this.#next?.count ?? 0) + 1
    this.#next = { name: 'refused', reason: REFUSALS.indexOf(reason), uid: uid!, peer: peer!, count }
  }

  /** When the owner is to be told; Infinity if there is nothing to tell. */
  get dueAt(): number {
    return this.#next ? this.#toldAt + TELL_MS : Number.POSITIVE_INFINITY
  }

  /** The message, if it is due. */
  take(now: number): ControlMessage<'refused'> | undefined {
    if (this.dueAt > now) return undefined
    const message = this.#next
    this.#next = undefined
    this.#toldAt = now
    return message
  }
}
