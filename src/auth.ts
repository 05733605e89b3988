// Runs in: owner, template and child. The mutual HMAC challenge and response of Python's multiprocessing.connection, as
// a state machine: payloads in, payloads out. It knows no socket, no frame and no clock; its caller sets the deadline.
//
//   listener                                          connector
//     1. #CHALLENGE# {sha256} nonce (40)       ---->
//                                              <----    2. {sha256} HMAC(connector's key, {sha256} nonce)
//     3. #WELCOME# or #FAILURE#                ---->
//                                              <----    4. #CHALLENGE# {sha256} nonce (40)
//     5. {sha256} HMAC(listener's key, ...)    ---->
//                                              <----    6. #WELCOME# or #FAILURE#
//
// The MAC covers the digest's name as well as the nonce, so that nobody on the way can ask for a weaker one. Python's
// MAC says nothing of the direction, so an answer could be reflected: an attacker who is challenged by us, challenges
// us with the same bytes on another connection and returns our own answer. Where both ends are ours, roleKeys() stops
// that: each direction has its own key.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { AuthError, ProtocolError, UsageError } from './errors.js'

/** The largest payload to take before the handshake is done, in bytes. Source: recv_bytes(256) in connection.py. */
export const MAX_HANDSHAKE_PAYLOAD = 256

// Source of these and of NONCE_BYTES (its MESSAGE_LENGTH): CPython's Lib/multiprocessing/connection.py, since 3.12.
const CHALLENGE = Buffer.from('#CHALLENGE#')
const WELCOME = Buffer.from('#WELCOME#')
const FAILURE = Buffer.from('#FAILURE#')
const NONCE_BYTES = 40

/** The digests of challenges and answers: name, as it stands on the wire in braces, and length of the MAC in bytes. */
const DIGESTS = new Map([['sha256', 32]])

/** The digest that our own challenges ask for. Nothing else answers them. */
const CHALLENGE_DIGEST = 'sha256'

/** Length in bytes of a key that deriveRoleKeys() writes: one SHA-256 MAC. */
export const ROLE_KEY_BYTES = 32

/** HMAC-SHA256(key, this label) is the key with which a listener answers. ASCII, without a terminating zero. */
export const LISTENER_KEY_LABEL = 'forkserver control socket: listener answers'

/** HMAC-SHA256(key, this label) is the key with which a connector answers. */
export const CONNECTOR_KEY_LABEL = 'forkserver control socket: connector answers'

/** Which end of the connection: the listener challenges first. */
export type HandshakeSide = 'listener' | 'connector'

/** Where a handshake stands. 'awaiting ...' names the only payload that is taken next. */
export type HandshakeState = 'new' | 'awaiting challenge' | 'awaiting response' | 'awaiting verdict' | 'done' | 'failed'

/** The keys of one side. The handshake reads them where they are and keeps no copy. */
export interface HandshakeKeys {
  /** The key with which we answer the other side's challenge. */
  readonly answer: Uint8Array
  /** The key with which we check the other side's answer. */
  readonly verify: Uint8Array
}

/** What to do after a payload: send these first, and then, where there is a failure, close the connection with it. */
export interface HandshakeStep {
  readonly send: Buffer[]
  readonly failure: AuthError | ProtocolError | undefined
}

type OpenState = Exclude<HandshakeState, 'done' | 'failed'>

// The order of states. Both sides pass the same three in a circle, and enter it at different points.
const NEXT_STATE: Record<HandshakeSide, Record<OpenState, HandshakeState>> = {
  listener: {
    new: 'awaiting response',
    'awaiting response': 'awaiting challenge',
    'awaiting challenge': 'awaiting verdict',
    'awaiting verdict': 'done',
  },
  connector: {
    new: 'awaiting challenge',
    'awaiting challenge': 'awaiting verdict',
    'awaiting verdict': 'awaiting response',
    'awaiting response': 'done',
  },
}

/** One side of one handshake. It is used once; its state only moves forward. */
export class Handshake {
  readonly #side: HandshakeSide
  readonly #keys: HandshakeKeys
  #state: HandshakeState = 'new'
  /** What our challenge asked the other side to authenticate: '{sha256}' and the nonce. */
  #message = Buffer.alloc(0)
  #failure: AuthError | ProtocolError | undefined

  /**
   * @param side which end of the connection this is
   * @param keys of this side: sameKey() or roleKeys()
   */
  constructor(side: HandshakeSide, keys: HandshakeKeys) {
    this.#side = side
    this.#keys = keys
  }

  /** Where the handshake stands. */
  get state(): HandshakeState {
    return this.#state
  }

  /** Whether both sides have proved that they hold the key. */
  get isDone(): boolean {
    return this.#state === 'done'
  }

  /**
   * Begins.
   *
   * @returns the payloads to send at once: a listener's challenge, nothing for a connector
   * @throws UsageError ERR_INVALID_STATE where it was called before
   */
  start(): Buffer[] {
    if (this.#state !== 'new') {
      throw new UsageError('ERR_INVALID_STATE', `start() was called on a handshake that is '${this.#state}'.`)
    }
    return this.#advance([]).send
  }

  /**
   * Takes one payload of the other side. Whatever the bytes are, it does not throw: a failure is returned together with
   * the farewell that the protocol gives the other side. A failed handshake stays failed, and returns the same failure
   * again.
   *
   * The failure is AuthError ERR_AUTH_REFUSED where the other side does not hold our key, refuses our answer, or
   * answers with another digest; it is ProtocolError ERR_PROTOCOL for bytes that are not this handshake, and
   * ERR_MESSAGE_TOO_LARGE for over MAX_HANDSHAKE_PAYLOAD bytes.
   *
   * @param payload of one frame
   * @returns what to send, and the failure if there is one
   * @throws UsageError ERR_INVALID_STATE where the handshake was not started, or is done: the payload is not the
   * handshake's
   */
  receive(payload: Uint8Array): HandshakeStep {
    if (this.#state === 'new' || this.#state === 'done') {
      throw new UsageError('ERR_INVALID_STATE', `receive() was called on a handshake that is '${this.#state}'.`)
    }
    if (this.#state === 'failed') return { send: [], failure: this.#failure }
    if (payload.length > MAX_HANDSHAKE_PAYLOAD) {
      const text = `A handshake message has ${payload.length} bytes; at most ${MAX_HANDSHAKE_PAYLOAD} are taken.`
      return this.#fail(new ProtocolError('ERR_MESSAGE_TOO_LARGE', text))
    }
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    if (this.#state === 'awaiting challenge') return this.#answerChallenge(bytes)
    if (this.#state === 'awaiting response') return this.#judgeResponse(bytes)
    return this.#readVerdict(bytes)
  }

  #answerChallenge(bytes: Buffer): HandshakeStep {
    if (!bytes.subarray(0, CHALLENGE.length).equals(CHALLENGE)) return this.#malformed('is no challenge')
    const message = bytes.subarray(CHALLENGE.length)
    const asked = splitDigest(message)
    if (!asked) return this.#malformed('is a challenge that names no digest')
    if (!DIGESTS.has(asked.digest)) return this.#malformed(`asks for ${asked.digest}, which is not accepted`)
    if (asked.rest.length !== NONCE_BYTES) return this.#malformed(`is a challenge of ${asked.rest.length} bytes`)
    return this.#advance([Buffer.concat([brace(asked.digest), mac(asked.digest, this.#keys.answer, message)])])
  }

  #judgeResponse(bytes: Buffer): HandshakeStep {
    const answer = splitDigest(bytes)
    if (!answer) return this.#malformed('is no answer to our challenge')
    // The answer does not choose the digest. CPython lets it, so there anyone can answer a SHA-256 challenge with MD5.
    if (answer.digest !== CHALLENGE_DIGEST)
      return this.#refuse(`it answered with ${answer.digest}, not ${CHALLENGE_DIGEST}`)
    if (answer.rest.length !== DIGESTS.get(CHALLENGE_DIGEST)) {
      return this.#malformed(`is an answer with a MAC of ${answer.rest.length} bytes`)
    }
    const expected = mac(CHALLENGE_DIGEST, this.#keys.verify, this.#message)
    if (!timingSafeEqual(expected, answer.rest)) return this.#refuse('its answer to our challenge is wrong')
    return this.#advance([WELCOME])
  }

  #readVerdict(bytes: Buffer): HandshakeStep {
    if (bytes.equals(WELCOME)) return this.#advance([])
    if (bytes.equals(FAILURE)) return this.#refuse('it refused our answer')
    return this.#malformed('is no verdict')
  }

  /** The one transition that goes forward; #fail() is the other. */
  #advance(send: Buffer[]): HandshakeStep {
    this.#state = NEXT_STATE[this.#side][this.#state as OpenState]
    if (this.#state === 'awaiting response') {
      this.#message = Buffer.concat([brace(CHALLENGE_DIGEST), randomBytes(NONCE_BYTES)])
      send.push(Buffer.concat([CHALLENGE, this.#message]))
    }
    return { send, failure: undefined }
  }

  #fail(failure: AuthError | ProtocolError): HandshakeStep {
    // Whoever owes us an answer learns that it was not accepted, as in Python; in the other states a verdict is not
    // ours to give.
    const send = this.#state === 'awaiting response' ? [FAILURE] : []
    this.#state = 'failed'
    this.#failure = failure
    return { send, failure }
  }

  #refuse(reason: string): HandshakeStep {
    const text = `The other side was not authenticated: ${reason}. Give both sides the same key.`
    return this.#fail(new AuthError('ERR_AUTH_REFUSED', text))
  }

  #malformed(what: string): HandshakeStep {
    const text = `The ${this.#side}'s handshake is '${this.#state}', and the message that came ${what}.`
    return this.#fail(new ProtocolError('ERR_PROTOCOL', text))
  }
}

/** Splits '{name}rest'. A name has 1 to 8 characters: CPython's longest, sha3_256, has 8. */
function splitDigest(bytes: Buffer): { digest: string; rest: Buffer } | undefined {
  const match = /^\{([a-z0-9_]{1,8})\}/.exec(bytes.toString('latin1', 0, 10))
  return match ? { digest: match[1]!, rest: bytes.subarray(match[0].length) } : undefined
}

function brace(digest: string): Buffer {
  return Buffer.from(`{${digest}}`)
}

// What createHmac() does with the key: Node hands OpenSSL a pointer to the bytes themselves, and copies nothing on the
// JS heap. OpenSSL pads the key on its stack and keeps the hashed pads in a context; it cleanses the first before
// HMAC_Init_ex() returns and the second when digest() frees the context. Node's digest() collects the MAC on the C
// stack, and does not cleanse it; later calls write over it. That matters only where the MAC is itself a key, in
// deriveRoleKeys().
function mac(digest: string, key: Uint8Array, message: string | Uint8Array): Buffer {
  return createHmac(digest, key).update(message).digest()
}

/**
 * The keys of Python's multiprocessing: one for both directions. Either side takes the same.
 *
 * @param key of any length, the empty one included; it is referred to, not copied
 * @returns the keys of a Handshake
 */
export function sameKey(key: Uint8Array): HandshakeKeys {
  return { answer: key, verify: key }
}

/**
 * Keys bound to a role, for connections with forkserver at both ends: an answer of one side is worth nothing as an
 * answer of the other. The keys are new memory: zero() them when they are no longer needed.
 *
 * @param key of any length, the same on both sides
 * @param side whose keys to make
 * @returns the keys of a Handshake of that side
 */
export function roleKeys(key: Uint8Array, side: HandshakeSide): HandshakeKeys {
  // allocUnsafeSlow: never a slice of the pool that all Buffers of the process share.
  const listener = Buffer.allocUnsafeSlow(ROLE_KEY_BYTES)
  const connector = Buffer.allocUnsafeSlow(ROLE_KEY_BYTES)
  deriveRoleKeys(key, { listener, connector })
  return side === 'listener' ? { answer: listener, verify: connector } : { answer: connector, verify: listener }
}

/**
 * Writes both derived keys into memory of the caller, and leaves no other copy on the JS heap: the template keeps them
 * in a page that the kernel wipes on fork. The listener answers with `listener` and verifies with `connector`; a
 * connector the other way round.
 *
 * @param key of any length; it is not changed: zero() it afterwards where this was its last use
 * @param into memory of ROLE_KEY_BYTES bytes each
 * @throws UsageError ERR_INVALID_ARGUMENT where either has another length
 */
export function deriveRoleKeys(key: Uint8Array, into: { listener: Uint8Array; connector: Uint8Array }): void {
  for (const bytes of [into.listener, into.connector]) {
    if (bytes.length === ROLE_KEY_BYTES) continue
    const text = `A derived key needs ${ROLE_KEY_BYTES} bytes of memory, but got ${bytes.length}.`
    throw new UsageError('ERR_INVALID_ARGUMENT', text)
  }
  for (const [label, bytes] of [
    [LISTENER_KEY_LABEL, into.listener],
    [CONNECTOR_KEY_LABEL, into.connector],
  ] as const) {
    const derived = mac('sha256', key, label)
    bytes.set(derived)
    zero(derived)
  }
  // Writes over the derived key on the C stack; see mac().
  mac('sha256', Buffer.alloc(0), '')
}

/**
 * Overwrites a secret.
 *
 * @param bytes to fill with zeros
 */
export function zero(bytes: Uint8Array): void {
  bytes.fill(0)
}
