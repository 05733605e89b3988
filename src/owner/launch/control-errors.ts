// Runs in: owner. Pure. The errors of a control connection.
import { AuthError, ProtocolError } from '../../errors.js'

/** Another user's process listens at the address. */
export function wrongPeer(uid: number): AuthError {
  const text = `The process behind the control socket runs as user ${uid}, and this process runs as another user.`
  return new AuthError('ERR_PEER_REFUSED', `${text} Pass the address of a server of your own user.`)
}

/** The handshake was not finished in time. */
export function tooLate(ms: number): AuthError {
  const text = `The template did not finish the handshake within ${ms} ms.`
  return new AuthError('ERR_AUTH_TIMEOUT', `${text} It may be stopped, or another program listens at this address.`)
}

/** The template was asked at once, and did not answer. */
export function tooSlow(ms: number): ProtocolError {
  return new ProtocolError('ERR_CONNECTION_ENDED', `The template did not answer for ${ms} ms.`)
}

/** The template has closed its end. */
export function closed(): ProtocolError {
  return new ProtocolError('ERR_CONNECTION_ENDED', 'The template closed the control socket.')
}
