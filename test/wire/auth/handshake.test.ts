// Runs in: the test runner. src/wire/auth/handshake.ts: a recorded handshake of CPython, both sides against each other,
// and the keys. What an attacker can send is in auth-attacks.test.ts.

import assert from 'node:assert/strict'
import crypto, { createHmac } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { AuthError } from '#src/errors.js'
import {
  CONNECTOR_KEY_LABEL,
  deriveRoleKeys,
  Handshake,
  type HandshakeKeys,
  type HandshakeSide,
  LISTENER_KEY_LABEL,
  ROLE_KEY_BYTES,
  roleKeys,
  sameKey,
  zero,
} from '#src/wire/auth/handshake.js'
import { bringTo, FAREWELL, KEY, OTHER_KEY, refused, response, started } from '../../support/handshake.js'

// Recorded with multiprocessing.connection of CPython 3.12.1 and 3.13.0, which agree byte for byte: deliver_challenge()
// and answer_challenge() of one listener and one connector, with os.urandom replaced by the two nonces.
const RECORDED = {
  key: Buffer.from('forkserver recorded handshake key'),
  listenerNonce: Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627', 'hex'),
  connectorNonce: Buffer.from(
    '6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b',
    'hex',
  ),
  byListener: [
    '234348414c4c454e4745237b7368613235367d' +
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627',
    '2357454c434f4d4523',
    '7b7368613235367da79a155ab85f90ea0e857553cd97a4ad8ff0dfc72a397261305fc48376903cbe',
  ],
  byConnector: [
    '7b7368613235367df42e351bd0ee5f95f03fc324a201e5e14c7ef18e8356070f017a10647d33b7a5',
    '234348414c4c454e4745237b7368613235367d' +
      '6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b',
    '2357454c434f4d4523',
  ],
}

/** Lets randomBytes() return this nonce until the test is over. */
function fixNonce(t: TestContext, nonce: Buffer): void {
  t.mock.method(crypto, 'randomBytes', () => nonce)
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
}

/** Carries payloads between two sides until neither has anything to say. Returns both failures. */
function run(listener: Handshake, connector: Handshake): { listener: unknown; connector: unknown } {
  const failures: { listener: unknown; connector: unknown } = { listener: undefined, connector: undefined }
  const toConnector = listener.start()
  const toListener = connector.start()
  while (toConnector.length + toListener.length > 0) {
    const isForListener = toListener.length > 0
    const [receiver, name] = isForListener ? [listener, 'listener' as const] : [connector, 'connector' as const]
    const step = receiver.receive((isForListener ? toListener : toConnector).shift()!)
    ;(isForListener ? toConnector : toListener).push(...step.send)
    failures[name] = step.failure ?? failures[name]
  }
  return failures
}

describe('the handshake of CPython', () => {
  test('our listener says and accepts what CPython’s does', (t) => {
    fixNonce(t, RECORDED.listenerNonce)
    const { handshake, opening } = started('listener', sameKey(RECORDED.key))
    const sent = [...opening]
    for (const payload of RECORDED.byConnector) sent.push(...handshake.receive(Buffer.from(payload, 'hex')).send)
    assert.deepEqual(
      sent.map((payload) => payload.toString('hex')),
      RECORDED.byListener,
    )
    assert.ok(handshake.isDone)
  })

  test('our connector says and accepts what CPython’s does', (t) => {
    fixNonce(t, RECORDED.connectorNonce)
    const { handshake, opening } = started('connector', sameKey(RECORDED.key))
    const sent = [...opening]
    for (const payload of RECORDED.byListener) sent.push(...handshake.receive(Buffer.from(payload, 'hex')).send)
    assert.deepEqual(
      sent.map((payload) => payload.toString('hex')),
      RECORDED.byConnector,
    )
    assert.ok(handshake.isDone)
  })

  test('sizes: challenge 59, response 40, verdict 9; every challenge is new', () => {
    const first = started('listener').opening[0]!
    assert.equal(first.length, 59)
    assert.equal(first.toString('latin1', 0, 19), '#CHALLENGE#{sha256}')
    assert.notDeepEqual(first, started('listener').opening[0])
    const { handshake } = started('connector')
    const answer = handshake.receive(first).send[0]!
    assert.equal(answer.length, 40)
    assert.deepEqual(answer, response(KEY, first))
  })
})

describe('both sides', () => {
  const keysOf: Record<string, (key: Uint8Array, side: HandshakeSide) => HandshakeKeys> = { sameKey, roleKeys }
  for (const [name, keys] of Object.entries(keysOf)) {
    test(`finish with ${name}() of any key, and not with two keys`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (one, two) => {
          const [listener, connector] = [
            new Handshake('listener', keys(one, 'listener')),
            new Handshake('connector', keys(one, 'connector')),
          ]
          assert.deepEqual(run(listener, connector), { listener: undefined, connector: undefined })
          assert.ok(listener.isDone && connector.isDone)
          // HMAC pads a key with zeros to a block, so keys that differ only in zeros at their end are the same key.
          if (Buffer.concat([one], 100).equals(Buffer.concat([two], 100))) return
          const stranger = new Handshake('connector', keys(two, 'connector'))
          const failures = run(new Handshake('listener', keys(one, 'listener')), stranger)
          assert.ok(failures.listener instanceof AuthError && failures.connector instanceof AuthError)
          assert.equal(stranger.isDone, false)
        }),
      )
    })
  }

  test('an empty key works in the form of multiprocessing', () => {
    const empty = sameKey(new Uint8Array(0))
    assert.deepEqual(run(new Handshake('listener', empty), new Handshake('connector', empty)), {
      listener: undefined,
      connector: undefined,
    })
  })

  test('a connector detects a listener that welcomes it without holding the key', () => {
    const { handshake } = started('connector')
    const impostor = started('listener', sameKey(OTHER_KEY))
    const challenge = handshake.receive(impostor.opening[0]!).send[1]!
    handshake.receive(Buffer.from('#WELCOME#'))
    refused(handshake, response(OTHER_KEY, challenge), FAREWELL)
  })

  test('states in order', () => {
    const listener = new Handshake('listener', sameKey(KEY))
    const connector = new Handshake('connector', sameKey(KEY))
    const seen = [[listener.state, connector.state]]
    const [challenge] = listener.start()
    connector.start()
    seen.push([listener.state, connector.state])
    let payloads = [challenge!]
    for (const receiver of [connector, listener, connector]) {
      payloads = payloads.flatMap((payload) => receiver.receive(payload).send)
      seen.push([listener.state, connector.state])
    }
    // Each step but the first and the last took two payloads: the connector's challenge travels with its response.
    assert.deepEqual(seen, [
      ['new', 'new'],
      ['awaiting response', 'awaiting challenge'],
      ['awaiting response', 'awaiting verdict'],
      ['awaiting verdict', 'awaiting verdict'],
      ['awaiting verdict', 'done'],
    ])
    assert.deepEqual(listener.receive(payloads[0]!), { send: [], failure: undefined })
    assert.equal(listener.state, 'done')
  })

  test('a call in the wrong order is the caller’s mistake', () => {
    const mistake = { name: 'UsageError', code: 'ERR_INVALID_STATE' }
    assert.throws(() => new Handshake('listener', sameKey(KEY)).receive(Buffer.alloc(1)), mistake)
    assert.throws(() => started('listener').handshake.start(), mistake)
    assert.throws(() => bringTo('connector', 'done').receive(Buffer.from('#WELCOME#')), mistake)
  })
})

describe('keys', () => {
  test('roleKeys() are HMAC-SHA256 of the key over the two labels', () => {
    assert.equal(LISTENER_KEY_LABEL, 'forkserver control socket: listener answers')
    assert.equal(CONNECTOR_KEY_LABEL, 'forkserver control socket: connector answers')
    const listener = createHmac('sha256', KEY).update(LISTENER_KEY_LABEL).digest()
    const connector = createHmac('sha256', KEY).update(CONNECTOR_KEY_LABEL).digest()
    assert.deepEqual(roleKeys(KEY, 'listener'), { answer: listener, verify: connector })
    assert.deepEqual(roleKeys(KEY, 'connector'), { answer: connector, verify: listener })
  })

  test('deriveRoleKeys() writes into the given memory and zeroes what it used', (t) => {
    const derived: Buffer[] = []
    const digest = crypto.Hmac.prototype.digest as (this: crypto.Hmac) => Buffer
    t.mock.method(crypto.Hmac.prototype, 'digest', function (this: crypto.Hmac) {
      const bytes = digest.call(this)
      derived.push(bytes)
      return bytes
    })
    const page = new Uint8Array(4096)
    const [listener, connector] = [page.subarray(32, 64), page.subarray(64, 96)]
    deriveRoleKeys(KEY, { listener, connector })
    t.mock.restoreAll()
    assert.deepEqual(roleKeys(KEY, 'listener'), { answer: Buffer.from(listener), verify: Buffer.from(connector) })
    assert.ok(
      derived.slice(0, 2).every((bytes) => bytes.length === ROLE_KEY_BYTES && bytes.every((byte) => byte === 0)),
    )
    assert.ok(page.subarray(0, 32).every((byte) => byte === 0) && page.subarray(96).every((byte) => byte === 0))
  })

  test('deriveRoleKeys() wants exactly the memory it fills', () => {
    const into = { listener: new Uint8Array(32), connector: new Uint8Array(31) }
    assert.throws(() => deriveRoleKeys(KEY, into), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
    assert.ok(into.listener.every((byte) => byte === 0))
  })

  test('a handshake reads its keys where they are: zeroed keys do not authenticate', () => {
    const keys = roleKeys(KEY, 'listener')
    const { handshake, opening } = started('listener', keys)
    zero(keys.verify)
    refused(handshake, response(roleKeys(KEY, 'connector').answer, opening[0]!), FAREWELL)
  })
})
