// Runs in: the test runner. The digests of public connections: recorded handshakes of CPython, old and new, and what is
// not accepted.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AuthError, ProtocolError } from '#src/errors.js'
import { type Digest, type DigestPolicy, digestPolicy, STRONG_DIGESTS } from '#src/wire/auth/digests.js'
import { Handshake, type HandshakePart, sameKey } from '#src/wire/auth/handshake.js'

const KEY = Buffer.from('forkserver recorded handshake key')
const NONCE = Buffer.from(Array.from({ length: 40 }, (_, index) => index))
const challenge = (text: string, nonce = NONCE): Buffer => Buffer.concat([Buffer.from(`#CHALLENGE#${text}`), nonce])
const LEGACY = digestPolicy({ allowLegacyMd5: true })
const MODERN = digestPolicy({})

// Answers of answer_challenge() of CPython with KEY, over the nonce 00 01 02 ...: 3.12.1 and 3.13.0 agree on all,
// 3.8.18 and 3.11.7 on 'legacy' (the 20-byte challenge) and on 'to a modern listener' (the whole 48 bytes, by bare
// MD5).
const RECORDED: Record<string, string> = {
  md5: '7b6d64357d4438918d61242df18933e1e02ee28fff',
  sha256: '7b7368613235367df42e351bd0ee5f95f03fc324a201e5e14c7ef18e8356070f017a10647d33b7a5',
  sha384:
    '7b7368613338347d51ee7bcd3927cad93758594a99757fc1bd0699041f1c34b0f42b5f811913c603ac687ca714807ce35b67d0a73853e01a',
  sha3_256: '7b736861335f3235367de094d9caac90196fa97eaaad1bc8f5a4476dff0a584702acd5ea0a7effeff67b',
  sha3_384:
    '7b736861335f3338347df2fb350028abca18c6a0948d99760b661b7ffa774373959519ac9b92c61f' +
    '2e7770dee36a47093e95a90d3c76637aa635',
  legacy: 'e8476c3be64b0348e67eb43a01052bd0',
  'to a modern listener': '1a3c465f0e8fed2088dc20a6dab2127b',
}

function answer(policy: DigestPolicy, bytes: Buffer): { sent: string | undefined; failure: Error | undefined } {
  const handshake = new Handshake('answerer', sameKey(KEY), policy)
  handshake.start()
  const { send, failure } = handshake.receive(bytes)
  return { sent: send[0]?.toString('hex'), failure }
}

/** Our challenge, and what becomes of an answer to it. */
function challenged(policy: DigestPolicy): { message: Buffer; judge(answer: Buffer): Error | undefined } {
  const handshake = new Handshake('challenger', sameKey(KEY), policy)
  const [opening] = handshake.start()
  return {
    message: opening!.subarray('#CHALLENGE#'.length),
    judge(bytes) {
      const { send, failure } = handshake.receive(bytes)
      assert.deepEqual(send.map(String), [failure ? '#FAILURE#' : '#WELCOME#'])
      assert.equal(handshake.isDone, failure === undefined)
      return failure
    },
  }
}

const macOf = (algorithm: string, message: Buffer): Buffer => createHmac(algorithm, KEY).update(message).digest()
const named = (name: string, algorithm: string, message: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`{${name}}`), macOf(algorithm, message)])

describe('recorded answers of CPython', () => {
  for (const digest of STRONG_DIGESTS) {
    test(digest, () => assert.equal(answer(MODERN, challenge(`{${digest}}`)).sent, RECORDED[digest]))
  }
  test('md5, where it is allowed', () => {
    assert.equal(answer(LEGACY, challenge('{md5}')).sent, RECORDED.md5)
    assert.equal(answer(LEGACY, challenge('', NONCE.subarray(0, 20))).sent, RECORDED.legacy)
    assert.equal(
      macOf('md5', Buffer.concat([Buffer.from('{sha256}'), NONCE])).toString('hex'),
      RECORDED['to a modern listener'],
    )
  })
})

describe('what is accepted', () => {
  const algorithms: Record<Digest, string> = {
    sha256: 'sha256',
    sha384: 'sha384',
    sha3_256: 'sha3-256',
    sha3_384: 'sha3-384',
  }

  for (const digest of STRONG_DIGESTS) {
    test(`a challenge for ${digest} takes ${digest} and nothing else`, () => {
      for (const [name, algorithm] of [...Object.entries(algorithms), ['md5', 'md5']] as const) {
        const { message, judge } = challenged(digestPolicy({ digest }))
        const failure = judge(named(name, algorithm, message))
        assert.equal(failure === undefined, name === digest, name)
        if (failure) assert.equal((failure as AuthError).code, 'ERR_AUTH_REFUSED')
      }
    })
  }

  test('no downgrade: a bare MD5 only where it is allowed, a named one only where it was asked for', () => {
    const bare = challenged(MODERN)
    const refused = bare.judge(macOf('md5', bare.message))
    assert.ok(refused instanceof AuthError && /allowLegacyMd5/.test(refused.message))
    const allowed = challenged(LEGACY)
    assert.equal(allowed.judge(macOf('md5', allowed.message)), undefined)
    const prefixed = challenged(LEGACY)
    assert.ok(prefixed.judge(named('md5', 'md5', prefixed.message)) instanceof AuthError)
    const asked = challenged(digestPolicy({ digest: 'md5', allowLegacyMd5: true }))
    assert.equal(asked.judge(named('md5', 'md5', asked.message)), undefined)
    const wrong = challenged(LEGACY)
    assert.ok(wrong.judge(Buffer.alloc(16)) instanceof AuthError)
  })

  test('no answer is given to a challenge for MD5 unless that is allowed', () => {
    for (const bytes of [challenge('{md5}'), challenge('', NONCE.subarray(0, 20)), challenge('{sha512}')]) {
      const { sent, failure } = answer(MODERN, bytes)
      assert.equal(sent, undefined)
      assert.ok(failure instanceof AuthError || failure instanceof ProtocolError)
    }
  })

  test('md5 alone is the caller’s mistake', () => {
    assert.throws(() => digestPolicy({ digest: 'md5' }), { name: 'UsageError', code: 'ERR_INVALID_OPTION' })
  })
})

test('fuzz: no payload makes either half throw, hang or finish', () => {
  const parts: HandshakePart[] = ['listener', 'connector', 'challenger', 'answerer']
  const starts = [
    '',
    '#CHALLENGE#',
    '#CHALLENGE#{sha256}',
    '#CHALLENGE#{md5}',
    '#WELCOME#',
    '#FAILURE#',
    '{sha256}',
    '{md5}',
    '{',
  ]
  const piece = fc
    .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 60 }))
    .map(([start, rest]) => Buffer.concat([Buffer.from(start), rest]))
  const payload = fc.oneof(
    piece,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...parts),
      fc.constantFrom(MODERN, LEGACY),
      fc.array(payload, { maxLength: 5 }),
      (part, policy, payloads) => {
        const handshake = new Handshake(part, sameKey(KEY), policy)
        handshake.start()
        for (const bytes of payloads) {
          if (handshake.isDone) break
          const { send, failure } = handshake.receive(bytes)
          assert.ok(send.every((message) => message.length <= 75))
          assert.ok(failure === undefined || failure instanceof AuthError || failure instanceof ProtocolError)
        }
        // Whoever has not the key gets a listener or a challenger to nothing; an answerer cannot tell.
        if (part !== 'answerer') assert.equal(handshake.isDone, false)
      },
    ),
    { numRuns: Number(process.env.FORKSERVER_FUZZ_RUNS || 3_000) },
  )
})
