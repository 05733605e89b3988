// Runs in: the test runner. Handshakes in any state, answers computed without the code under test, and the two ways to
// fail.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { AuthError, ProtocolError } from '#src/errors.js'
import {
  Handshake,
  type HandshakeKeys,
  type HandshakeSide,
  type HandshakeState,
  MAX_HANDSHAKE_PAYLOAD,
  sameKey,
} from '#src/wire/auth/handshake.js'

export const KEY = Buffer.from('a key that both sides of this test share')
export const OTHER_KEY = Buffer.from('a key that only one side of this test has')
export const FAREWELL = ['#FAILURE#']

/** A handshake that was started, and what it said. */
export function started(
  side: HandshakeSide,
  keys: HandshakeKeys = sameKey(KEY),
): { handshake: Handshake; opening: Buffer[] } {
  const handshake = new Handshake(side, keys)
  return { handshake, opening: handshake.start() }
}

/** Brings a handshake to a state, by playing an honest other side. */
export function bringTo(
  side: HandshakeSide,
  state: HandshakeState,
  keysOf: (key: Uint8Array, side: HandshakeSide) => HandshakeKeys = sameKey,
): Handshake {
  const peerSide = side === 'listener' ? 'connector' : 'listener'
  const { handshake, opening } = started(side, keysOf(KEY, side))
  const peer = started(peerSide, keysOf(KEY, peerSide))
  const toPeer = [...opening]
  const toUs = [...peer.opening]
  while (handshake.state !== state) {
    const isForPeer = toPeer.length > 0
    const step = isForPeer ? peer.handshake.receive(toPeer.shift()!) : handshake.receive(toUs.shift()!)
    assert.equal(step.failure, undefined)
    const answersTo = isForPeer ? toUs : toPeer
    answersTo.push(...step.send)
  }
  return handshake
}

/** The MAC as anyone can compute it, without the code under test. */
export function response(key: Uint8Array, challenge: Buffer, digest = 'sha256'): Buffer {
  const mac = createHmac(digest, key).update(challenge.subarray('#CHALLENGE#'.length)).digest()
  return Buffer.concat([Buffer.from(`{${digest}}`), mac])
}

/** Hands over a payload that must be refused, with this farewell. */
export function refused(handshake: Handshake, payload: Uint8Array, farewell: string[] = []): void {
  const { send, failure } = handshake.receive(payload)
  assert.ok(failure instanceof AuthError, String(failure))
  assert.equal(failure.code, 'ERR_AUTH_REFUSED')
  assert.deepEqual(send.map(String), farewell)
  assert.equal(handshake.state, 'failed')
}

/** Hands over a payload that must count as a broken protocol, with this farewell. */
export function broken(handshake: Handshake, payload: Uint8Array, farewell: string[] = []): void {
  const { send, failure } = handshake.receive(payload)
  assert.ok(failure instanceof ProtocolError, String(failure))
  assert.equal(failure.code, payload.length > MAX_HANDSHAKE_PAYLOAD ? 'ERR_MESSAGE_TOO_LARGE' : 'ERR_PROTOCOL')
  assert.deepEqual(send.map(String), farewell)
  assert.equal(handshake.state, 'failed')
}
