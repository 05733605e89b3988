// Runs in: owner and child. The handshake on a connection: both directions, or each half by itself.

import { AuthError, ProtocolError } from '../errors.js'
import { abortError } from '../promises/abort.js'
import { AuthKey } from '../wire/auth/auth-key.js'
import { type DigestPolicy, digestPolicy } from '../wire/auth/digests.js'
import { Handshake, type HandshakePart, MAX_HANDSHAKE_PAYLOAD, sameKey } from '../wire/auth/handshake.js'
import type { Connection } from './connection.js'
import { type ChallengeOptions, checkChallenge, DEFAULT_HANDSHAKE_MS } from './connection-options.js'

/** What a connection must do to carry a handshake. */
type Carrier = Pick<Connection, 'sendBytes' | 'recvBytes'>

/**
 * Does one part of a handshake.
 *
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT; ProtocolError; what sending and receiving throws
 */
export async function shakeHands(
  carrier: Carrier,
  part: HandshakePart,
  key: Uint8Array,
  { policy, timeout, signal }: { policy: DigestPolicy; timeout: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const handshake = new Handshake(part, sameKey(key), policy)
  const clock = new AbortController()
  const timer = setTimeout(() => clock.abort(), timeout)
  const giveUp = (): void => clock.abort()
  signal?.addEventListener('abort', giveUp, { once: true })
  const options = { signal: clock.signal, maxLength: MAX_HANDSHAKE_PAYLOAD }
  try {
    if (signal?.aborted) giveUp()
    let unsent = await sendAll(carrier, handshake.start(), options)
    while (!handshake.isDone) {
      const { send, failure } = handshake.receive(await carrier.recvBytes(options))
      unsent ??= await sendAll(carrier, send, options)
      if (failure) throw failure
    }
    if (unsent) throw unsent
  } catch (error) {
    if (signal?.aborted) throw abortError(signal)
    if (!clock.signal.aborted) throw isTooLarge(error) ? notThisProtocol(error) : error
    const text = `The handshake did not finish within ${timeout} ms: it is '${handshake.state}'. The other side may want none.`
    throw new AuthError('ERR_AUTH_TIMEOUT', text, { cause: error })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}

function isTooLarge(error: unknown): error is Error {
  return (error as ProtocolError).code === 'ERR_MESSAGE_TOO_LARGE'
}

/** A client of another protocol, 'GET / HTTP/1.1' say, announces a huge message with its first four bytes. */
function notThisProtocol(cause: Error): ProtocolError {
  const text = `The other side did not begin the handshake: its first bytes are of another protocol, as a browser or a port scanner sends them.`
  return new ProtocolError('ERR_MESSAGE_TOO_LARGE', text, { cause })
}

/**
 * Returns the error of a connection that the other side has closed, and does not throw it: a connector sends its challenge behind its
 * response, and who refuses that response says so and leaves; what it said is there to be read.
 */
async function sendAll(
  carrier: Carrier,
  payloads: readonly Uint8Array[],
  options: { signal: AbortSignal },
): Promise<Error | undefined> {
  try {
    for (const payload of payloads) await carrier.sendBytes(payload, options)
    return undefined
  } catch (error) {
    if ((error as ProtocolError).code !== 'ERR_CONNECTION_CLOSED') throw error
    return error as Error
  }
}

function halfOf(carrier: Carrier, part: HandshakePart, key: AuthKey | Uint8Array, options: unknown): Promise<void> {
  const checked = checkChallenge(part === 'challenger' ? 'deliverChallenge()' : 'answerChallenge()', options)
  const own = key instanceof AuthKey ? AuthKey.from(key.borrowBytes(), { allowShort: true }) : AuthKey.from(key)
  const { timeout = DEFAULT_HANDSHAKE_MS, signal } = checked
  return shakeHands(carrier, part, own.borrowBytes(), { policy: digestPolicy(checked), timeout, signal }).finally(() =>
    own.destroy(),
  )
}

/**
 * Challenges the other side to prove that it holds the key, and tells it the verdict: the first half of a listener's handshake, the
 * second of a connector's. The other side calls answerChallenge(), here or in Python.
 *
 * @param connection any that is open
 * @param key that both sides share; it is copied, and the copy overwritten at the end
 * @returns when the other side has proved itself and was told so
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT; ProtocolError: close the connection then. AbortError
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED
 * @example
 * // The listener's side. The connector answers first, and then challenges.
 * await deliverChallenge(connection, key)
 * await answerChallenge(connection, key)
 */
export async function deliverChallenge(
  connection: Connection,
  key: AuthKey | Uint8Array,
  options?: ChallengeOptions,
): Promise<void> {
  await halfOf(connection, 'challenger', key, options)
}

/**
 * Proves to the other side that we hold the key: the counterpart of deliverChallenge().
 *
 * @param connection any that is open
 * @param key that both sides share; it is copied, and the copy overwritten at the end
 * @returns when the other side has told that it is content
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT; ProtocolError: close the connection then. AbortError
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED
 * @example
 * // The connector's side of the example of deliverChallenge().
 * await answerChallenge(connection, key)
 * await deliverChallenge(connection, key)
 */
export async function answerChallenge(
  connection: Connection,
  key: AuthKey | Uint8Array,
  options?: ChallengeOptions,
): Promise<void> {
  await halfOf(connection, 'answerer', key, options)
}
