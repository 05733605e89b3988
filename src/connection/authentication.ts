// Runs in: owner and child. The handshake on a connection: both directions, or one half by itself.

import { AuthError, ProtocolError } from '../errors.js'
import { clearTimeout, setTimeout } from '../platform/timers.js'
import { abortError } from '../promises/abort.js'
import { AuthKey } from '../wire/auth/auth-key.js'
import { type DigestPolicy, digestPolicy } from '../wire/auth/digests.js'
import { Handshake, type HandshakePart, MAX_HANDSHAKE_PAYLOAD, sameKey } from '../wire/auth/handshake.js'
import type { Connection } from './connection.js'
import { type ChallengeOptions, checkChallenge, DEFAULT_HANDSHAKE_MS } from './connection-options.js'

/** What the handshake needs of a connection. */
type Carrier = Pick<Connection, 'sendBytes' | 'recvBytes'>

/**
 * Runs one part of a handshake.
 *
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT; ProtocolError; everything that sending and receiving can throw
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
    const text =
      `The handshake did not finish within ${timeout} ms: ` +
      `its state is '${handshake.state}'. Check that the other side uses a key, too.`
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
  const text =
    'The other side did not begin a handshake. Its first bytes belong to another protocol, ' +
    'as a browser or a port scanner sends them.'
  return new ProtocolError('ERR_MESSAGE_TOO_LARGE', text, { cause })
}

/**
 * If sending fails because the other side has closed the connection, returns that error instead of throwing it. A
 * connector sends its challenge directly after its response. If the other side refuses the response, it says so and
 * closes; that message can still be read.
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
 * Challenges the other side to prove that it holds the key, and tells it the result. A listener does this first; a
 * connector does it second. Meanwhile the other side must call answerChallenge(), here or in Python.
 *
 * @param connection any open connection
 * @param key the key that both sides share. It is copied, and the copy is overwritten at the end
 * @param options the digest, and the time limit in milliseconds; `signal` cancels the call
 * @returns when the other side has proved that it holds the key, and was told so
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT, or ProtocolError: close the connection then. AbortError
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
 * @param connection any open connection
 * @param key the key that both sides share. It is copied, and the copy is overwritten at the end
 * @param options the digest, and the time limit in milliseconds; `signal` cancels the call
 * @returns when the other side has accepted the proof
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT, or ProtocolError: close the connection then. AbortError
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
