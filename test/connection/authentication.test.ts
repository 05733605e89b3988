// Runs in: the test runner. The handshake on a connection that the other side closes while we send. What it sent before
// is still read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthKey } from 'forkserver/connection'
import { shakeHands } from '#src/connection/authentication.js'
import { ProtocolError, ResourceError } from '#src/errors.js'
import { digestPolicy } from '#src/wire/auth/digests.js'
import { Handshake, sameKey } from '#src/wire/auth/handshake.js'

const policy = digestPolicy({})
const options = { policy, timeout: 5_000 }
const bytesOf = (text: string): Uint8Array => Buffer.from(text.padEnd(32, '.'))
const closed = (): Error => new ProtocolError('ERR_CONNECTION_CLOSED', 'The other side has closed the connection.')

/** A listener that hears only so many messages, and then cannot be sent any more; what it said before can be read. */
function listenerWith(key: string, hears: number, unsendable: () => Error) {
  const handshake = new Handshake('listener', sameKey(AuthKey.from(bytesOf(key)).borrowBytes()), policy)
  const said = [...handshake.start()]
  return {
    async sendBytes(payload: Uint8Array): Promise<void> {
      if (hears-- <= 0) throw unsendable()
      said.push(...handshake.receive(Buffer.from(payload)).send)
    },
    async recvBytes(): Promise<Buffer> {
      const next = said.shift()
      if (!next) throw closed()
      return next
    },
  }
}

const shake = (listener: ReturnType<typeof listenerWith>): Promise<void> =>
  shakeHands(listener, 'connector', bytesOf('right'), options)

test('who is refused hears so, though its challenge could not be sent any more', async () => {
  await assert.rejects(shake(listenerWith('wrong', 1, closed)), { code: 'ERR_AUTH_REFUSED' })
})

test('a listener that leaves without a word is a closed connection', async () => {
  await assert.rejects(shake(listenerWith('right', 0, closed)), { code: 'ERR_CONNECTION_CLOSED' })
})

test('a last word that could not be sent is an error, though nothing is left to be read', async () => {
  await shake(listenerWith('right', Number.POSITIVE_INFINITY, closed))
  await assert.rejects(shake(listenerWith('right', 2, closed)), { code: 'ERR_CONNECTION_CLOSED' })
})

test('any other failure to send is told at once', async () => {
  const full = (): Error => new ResourceError('ERR_RESOURCE', 'sendmsg() failed with ENOBUFS.', { errno: 'ENOBUFS' })
  await assert.rejects(shake(listenerWith('wrong', 1, full)), { code: 'ERR_RESOURCE' })
})
