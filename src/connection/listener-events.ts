// Runs in: owner and child. The events of a Listener. Types only.
import type { Address } from './address.js'

/** The events of a listener. */
export interface ListenerEvents {
  /**
   * A client was refused, or accept(2) failed. `error` says why: it is an AuthError, a ProtocolError or a
   * ResourceError. `from` is the client's address (undefined on unix sockets). The listener continues.
   */
  clientError: [error: Error, from: Address | undefined]
}
