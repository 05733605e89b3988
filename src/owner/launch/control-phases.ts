// Runs in: owner. The phases of a control connection, in their order: proving, attaching, serving. Each phase reads the
// messages that the template sends in it. Pure: control-connection.ts does the I/O.
import { ProtocolError } from '../../errors.js'
import { defer } from '../../promises/deferred.js'
import type { AuthKey } from '../../wire/auth/auth-key.js'
import { Handshake, type HandshakeKeys, roleKeys, zero } from '../../wire/auth/handshake.js'
import { decodeControl, PROTOCOL_VERSION } from '../../wire/control-codec.js'
import type { ControlMessage } from '../../wire/control-messages.js'
import type { Requests } from './pending-forks.js'

/** One phase of a control connection. */
export interface Phase {
  /**
   * Takes one payload of the template.
   * @throws AuthError, ProtocolError: the connection is over then
   */
  receive(payload: Buffer): void
  /** The connection is over. */
  fail(error: Error): void
}

/** Both sides prove that they hold the key. */
export class Proving implements Phase {
  /** Zeroed when the phase is over. */
  readonly #keys: HandshakeKeys
  readonly #handshake: Handshake
  readonly #send: (payloads: readonly Buffer[]) => void
  readonly #done = defer<void>()
  /** Resolves when both sides have proved themselves. */
  readonly done = this.#done.promise

  /** @param key is used only here */
  constructor(key: AuthKey, send: (payloads: readonly Buffer[]) => void) {
    this.#keys = roleKeys(key.borrowBytes(), 'connector')
    this.#handshake = new Handshake('connector', this.#keys)
    this.#handshake.start()
    this.#send = send
  }

  receive(payload: Buffer): void {
    const { send, failure } = this.#handshake.receive(payload)
    if (send.length > 0) this.#send(send)
    if (failure) throw failure
    if (!this.#handshake.isDone) return
    this.#forgetKeys()
    this.#done.resolve()
  }

  #forgetKeys(): void {
    zero(this.#keys.answer)
    zero(this.#keys.verify)
  }

  fail(error: Error): void {
    this.#forgetKeys()
    if ((error as ProtocolError).code !== 'ERR_CONNECTION_ENDED') return this.#done.reject(error)
    const text =
      'The template closed the control socket during the handshake. ' +
      'It does so if it ends, or if too many clients connect and do not prove themselves. Connect again.'
    this.#done.reject(new ProtocolError('ERR_CONNECTION_ENDED', text, { cause: error }))
  }
}

/** The owner has sent `attach` and waits for `attached`. */
export class Attaching implements Phase {
  readonly #onAttached: (pid: number) => void
  readonly #done = defer<void>()
  /** Resolves when the phase is over. */
  readonly done = this.#done.promise

  /**
   * @param onAttached takes the process id of the template, and begins the next phase: its messages may have come
   *   together with this one
   */
  constructor(onAttached: (pid: number) => void) {
    this.#onAttached = onAttached
  }

  receive(payload: Buffer): void {
    const message = decodeControl('template to owner', payload)
    if (message.name !== 'attached')
      throw new ProtocolError('ERR_PROTOCOL', `The template sent ${message.name} before attached.`)
    if (message.version !== PROTOCOL_VERSION) {
      const versions = `version ${message.version} of the control protocol, and this process uses ${PROTOCOL_VERSION}`
      throw new ProtocolError('ERR_PROTOCOL', `The template uses ${versions}. Use one version of forkserver.`)
    }
    this.#onAttached(message.pid)
    this.#done.resolve()
  }

  fail(error: Error): void {
    this.#done.reject(error)
  }
}

/** The owner asks for children, until it detaches. */
export class Serving implements Phase {
  readonly #requests: Requests
  readonly #onRefused: (message: ControlMessage<'refused'>) => void
  #detached: ReturnType<typeof defer<number>> | undefined

  /** @param onRefused takes which clients the template has refused */
  constructor(requests: Requests, onRefused: (message: ControlMessage<'refused'>) => void) {
    this.#requests = requests
    this.#onRefused = onRefused
  }

  receive(payload: Buffer): void {
    const message = decodeControl('template to owner', payload)
    switch (message.name) {
      case 'attached':
        throw new ProtocolError('ERR_PROTOCOL', 'The template sent attached twice.')
      case 'detached':
        if (!this.#detached)
          throw new ProtocolError('ERR_PROTOCOL', 'The template sent detached, and nobody asked for that.')
        return this.#detached.resolve(message.owners)
      case 'refused':
        return this.#onRefused(message)
      default:
        return this.#requests.answer(message)
    }
  }

  /** The owner has sent `detach`. Resolves with the number of other owners that the template has. */
  detaching(): Promise<number> {
    this.#detached ??= defer<number>()
    return this.#detached.promise
  }

  fail(error: Error): void {
    this.#detached?.reject(error) // answers to requests may still come until the socket closes
  }
}
