// Runs in: the test runner. src/wire/auth/handshake.ts: everything that an attacker without the key can send.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AuthError, ProtocolError } from '#src/errors.js'
import {
  type Handshake,
  type HandshakeKeys,
  MAX_HANDSHAKE_PAYLOAD,
  roleKeys,
  sameKey,
} from '#src/wire/auth/handshake.js'
import { bringTo, broken, FAREWELL, KEY, OTHER_KEY, refused, response, started } from '../../support/handshake.js'

describe('an attacker without the key', () => {
  test('answers with a wrong MAC', () => {
    const { handshake, opening } = started('listener')
    refused(handshake, response(OTHER_KEY, opening[0]!), FAREWELL)
  })

  test('flips one bit of the right answer', () => {
    for (let bit = 8 * 8; bit < 40 * 8; bit += 7) {
      const { handshake, opening } = started('listener')
      const answer = response(KEY, opening[0]!)
      answer[bit >> 3]! ^= 1 << (bit & 7)
      refused(handshake, answer, FAREWELL)
    }
  })

  test('replays an answer that was right once', () => {
    const first = started('listener')
    const answer = response(KEY, first.opening[0]!)
    assert.equal(first.handshake.receive(answer).failure, undefined)
    refused(started('listener').handshake, answer, FAREWELL)
  })

  test('reflects: our challenge goes back to us on another connection, and our answer to it is returned', () => {
    const reflect = (keys: HandshakeKeys): Handshake => {
      const victim = started('connector', keys).handshake
      const bait = Buffer.concat([Buffer.from('#CHALLENGE#{sha256}'), Buffer.alloc(40)])
      const challenge = victim.receive(bait).send[1]!
      victim.receive(Buffer.from('#WELCOME#'))
      const oracle = started('connector', keys).handshake
      const stolen = oracle.receive(challenge).send[0]!
      victim.receive(stolen)
      return victim
    }
    assert.equal(reflect(roleKeys(KEY, 'connector')).state, 'failed')
    // The wire format of multiprocessing allows it: this is why roleKeys() exists.
    assert.equal(reflect(sameKey(KEY)).state, 'done')
  })

  test('reflects: the answer of a listener is worth nothing as the answer of a connector', () => {
    for (const [keysOf, state] of [
      [roleKeys, 'failed'],
      [sameKey, 'awaiting challenge'],
    ] as const) {
      const { handshake, opening } = started('listener', keysOf(KEY, 'listener'))
      const oracle = bringTo('listener', 'awaiting challenge', keysOf)
      handshake.receive(oracle.receive(opening[0]!).send[0]!)
      assert.equal(handshake.state, state)
    }
  })

  test('echoes the challenge as its answer', () => {
    const { handshake, opening } = started('listener', roleKeys(KEY, 'listener'))
    broken(handshake, opening[0]!, FAREWELL)
  })

  test('answers with another digest: refused, even if the MAC is right', () => {
    for (const digest of ['md5', 'sha384']) {
      const { handshake, opening } = started('listener')
      refused(handshake, response(KEY, opening[0]!, digest), FAREWELL)
    }
  })

  test('answers as CPython did before 3.12, a bare MAC of MD5', () => {
    const { handshake, opening } = started('listener')
    broken(handshake, response(KEY, opening[0]!, 'md5').subarray('{md5}'.length), FAREWELL)
  })

  test('asks for another digest, for none, or with another length', () => {
    const nonce = Buffer.alloc(40)
    for (const digest of ['{md5}', '{sha384}', '', '{}', '{sha256', '{SHA256}', '{toolonganame}']) {
      broken(started('connector').handshake, Buffer.concat([Buffer.from(`#CHALLENGE#${digest}`), nonce]))
    }
    for (const length of [0, 20, 39, 41, 200]) {
      broken(started('connector').handshake, Buffer.concat([Buffer.from('#CHALLENGE#{sha256}'), Buffer.alloc(length)]))
    }
  })

  test('sends an answer that is truncated or too long', () => {
    const { opening } = started('listener')
    const answer = response(KEY, opening[0]!)
    for (let length = 0; length < answer.length; length++) {
      broken(started('listener').handshake, answer.subarray(0, length), FAREWELL)
    }
    broken(started('listener').handshake, Buffer.concat([answer, Buffer.alloc(1)]), FAREWELL)
    broken(started('listener').handshake, Buffer.alloc(MAX_HANDSHAKE_PAYLOAD + 1), FAREWELL)
    broken(started('connector').handshake, Buffer.alloc(MAX_HANDSHAKE_PAYLOAD + 1))
  })

  test('sends messages out of order', () => {
    const challenge = started('listener').opening[0]!
    const valid = { challenge, response: response(KEY, challenge), welcome: Buffer.from('#WELCOME#') }
    for (const side of ['listener', 'connector'] as const) {
      broken(bringTo(side, 'awaiting challenge'), valid.response)
      broken(bringTo(side, 'awaiting challenge'), valid.welcome)
      broken(bringTo(side, 'awaiting response'), valid.challenge, FAREWELL)
      broken(bringTo(side, 'awaiting response'), valid.welcome, FAREWELL)
      broken(bringTo(side, 'awaiting verdict'), valid.challenge)
      broken(bringTo(side, 'awaiting verdict'), valid.response)
    }
  })

  test('refuses our answer, or says something that is no verdict', () => {
    for (const side of ['listener', 'connector'] as const) {
      refused(bringTo(side, 'awaiting verdict'), Buffer.from('#FAILURE#'))
      for (const text of ['', '#WELCOME', '#WELCOME#\0', '#welcome#'])
        broken(bringTo(side, 'awaiting verdict'), Buffer.from(text))
    }
  })

  test('goes on after a failure, and hears nothing more', () => {
    const { handshake, opening } = started('listener')
    const { failure } = handshake.receive(Buffer.from('nonsense'))
    assert.deepEqual(handshake.receive(response(KEY, opening[0]!)), { send: [], failure })
    assert.equal(handshake.isDone, false)
  })

  test('sends random bytes: a typed failure, never an exception, never done', () => {
    const states = ['awaiting challenge', 'awaiting response', 'awaiting verdict'] as const
    const prefix = fc.constantFrom(
      '',
      '#CHALLENGE#',
      '#CHALLENGE#{sha256}',
      '{sha256}',
      '{md5}',
      '{',
      '#WELCOME#',
      '#FAILURE#',
    )
    fc.assert(
      fc.property(
        fc.constantFrom('listener' as const, 'connector' as const),
        fc.constantFrom(...states),
        fc.array(fc.tuple(prefix, fc.uint8Array({ maxLength: 300 })), { maxLength: 5 }),
        (side, state, payloads) => {
          const handshake = bringTo(side, state)
          for (const [start, rest] of payloads) {
            if (handshake.isDone) break // a listener that was sent an honest welcome
            const { send, failure } = handshake.receive(Buffer.concat([Buffer.from(start), rest]))
            assert.ok(failure === undefined || failure instanceof AuthError || failure instanceof ProtocolError)
            assert.ok(send.every((payload) => payload.length <= 59))
          }
          assert.ok(!handshake.isDone || state === 'awaiting verdict')
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('learns nothing of the key or the expected MAC from a failure', () => {
    const { handshake, opening } = started('listener')
    const { failure } = handshake.receive(response(OTHER_KEY, opening[0]!))
    const expected = response(KEY, opening[0]!).subarray(8)
    const told = JSON.stringify({ ...failure, message: failure?.message })
    for (const encoding of ['hex', 'base64', 'latin1'] as const) assert.ok(!told.includes(expected.toString(encoding)))
  })
})
