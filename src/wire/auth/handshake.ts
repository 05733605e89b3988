// Runs in: owner, template and child. Pure. The mutual HMAC challenge and response of Python's
// multiprocessing.connection, as a state machine: payloads in, payloads out. It knows no socket, no frame and no
// clock; its caller sets the deadline.
//
//   listener                                          connector
//     1. #CHALLENGE# {sha256} nonce (40)       ---->
//                                              <----    2. {sha256} HMAC(connector's key, {sha256} nonce)
//                                              <----    3. #CHALLENGE# {sha256} nonce (40)
//     4. #WELCOME# or #FAILURE#                ---->
//     5. {sha256} HMAC(listener's key, ...)    ---->
//                                              <----    6. #WELCOME# or #FAILURE#
//
// Python's connector sends 3 when it has received 4. Ours does not wait: that saves a round trip of two event loops,
// about a third of the handshake's time. Each side still reads the same messages in the same order, so Python's
// listener sees no difference. A side that has proved nothing learns nothing from the nonce.
//
// The MAC covers the digest's name as well as the nonce, so that nobody between the two sides can ask for a weaker one.
// Python's MAC does not contain the direction, so an answer could be reflected: an attacker whom we challenge sends us
// the same challenge on another connection, and returns our own answer. If both ends are forkserver, roleKeys()
// prevents that: each direction has its own key.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { AuthError, ProtocolError, UsageError } from '../../errors.js'
import {
  brace,
  CONTROL_POLICY,
  type DigestPolicy,
  LEGACY_NONCE_BYTES,
  LEGACY_RESPONSE_BYTES,
  mac,
  macBytes,
  splitDigest,
} from './digests.js'
import type { HandshakeKeys, HandshakeSide } from './role-keys.js'

export * from './role-keys.js'

/** The largest payload to take before the handshake is done, in bytes. Source: recv_bytes(256) in connection.py. */
export const MAX_HANDSHAKE_PAYLOAD = 256

// Source of these and of NONCE_BYTES (its MESSAGE_LENGTH): CPython's Lib/multiprocessing/connection.py, since 3.12.
const CHALLENGE = Buffer.from('#CHALLENGE#')
const WELCOME = Buffer.from('#WELCOME#')
const FAILURE = Buffer.from('#FAILURE#')
const NONCE_BYTES = 40

/**
 * The part of one side: a listener or a connector does both directions, a challenger only challenges and
 * checks the answer, and an answerer only answers.
 */
export type HandshakePart = HandshakeSide | 'challenger' | 'answerer'

/** The state of a handshake. 'awaiting ...' names the only payload that is accepted next. */
export type HandshakeState = 'new' | 'awaiting challenge' | 'awaiting response' | 'awaiting verdict' | 'done' | 'failed'

/** What to do after a payload: send these replies, and then, if there is a failure, close the connection with it. */
export interface HandshakeStep {
  readonly send: Buffer[]
  readonly failure: AuthError | ProtocolError | undefined
}

type OpenState = Exclude<HandshakeState, 'done' | 'failed'>

// The order of the states. Both sides go through the same three, and start at different ones.
const NEXT_STATE: Record<HandshakePart, Partial<Record<OpenState, HandshakeState>>> = {
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
  challenger: { new: 'awaiting response', 'awaiting response': 'done' },
  answerer: { new: 'awaiting challenge', 'awaiting challenge': 'awaiting verdict', 'awaiting verdict': 'done' },
}

/** The state after a challenge of our own. */
const CHALLENGES_IN: Record<HandshakePart, OpenState | undefined> = {
  listener: 'awaiting response',
  connector: 'awaiting verdict',
  challenger: 'awaiting response',
  answerer: undefined,
}

/** One side of one handshake. It is used once; its state only moves forward. */
export class Handshake {
  readonly #side: HandshakePart
  readonly #keys: HandshakeKeys
  readonly #policy: DigestPolicy
  #state: HandshakeState = 'new'
  /** The bytes of our challenge that the answer must authenticate: '{sha256}' and the nonce. */
  #message = Buffer.alloc(0)
  #failure: AuthError | ProtocolError | undefined

  /**
   * @param side which end of the connection this is, or which half of the handshake
   * @param keys of this side: sameKey() or roleKeys()
   * @param policy which digests are asked for and taken; default: those of the control socket
   */
  constructor(side: HandshakePart, keys: HandshakeKeys, policy: DigestPolicy = CONTROL_POLICY) {
    this.#side = side
    this.#keys = keys
    this.#policy = policy
  }

  /** The state of the handshake. */
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
   * @throws UsageError ERR_INVALID_STATE if it was called before
   */
  start(): Buffer[] {
    if (this.#state !== 'new') {
      throw new UsageError('ERR_INVALID_STATE', `start() was called on a handshake that is '${this.#state}'.`)
    }
    return this.#advance([]).send
  }

  /**
   * Takes one payload of the other side. It does not throw for any bytes: it returns a failure together with the last
   * message to the other side. A failed handshake stays failed, and returns the same failure again.
   *
   * The failure is AuthError ERR_AUTH_REFUSED if the other side does not hold our key, refuses our answer, or
   * answers with another digest; it is ProtocolError ERR_PROTOCOL for bytes that are not this handshake, and
   * ERR_MESSAGE_TOO_LARGE for over MAX_HANDSHAKE_PAYLOAD bytes.
   *
   * @param payload of one frame
   * @returns what to send, and the failure if there is one
   * @throws UsageError ERR_INVALID_STATE if the handshake was not started, or is done: the payload is not the
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
    // Python up to 3.11 names no digest, and answers 20 bytes with a bare MD5.
    if (message.length === LEGACY_NONCE_BYTES && this.#policy.legacyMd5 !== undefined) {
      if (this.#policy.legacyMd5) return this.#advance([mac('md5', this.#keys.answer, message)])
      return this.#refuse('it asks for MD5, as Python up to 3.11 does; the option allowLegacyMd5 would answer it')
    }
    const asked = splitDigest(message)
    if (!asked) return this.#malformed('is a challenge that names no digest')
    if (!(this.#policy.answers as readonly string[]).includes(asked.digest))
      return this.#malformed(`asks for ${asked.digest}, which is not accepted`)
    if (asked.rest.length !== NONCE_BYTES) return this.#malformed(`is a challenge of ${asked.rest.length} bytes`)
    return this.#advance([Buffer.concat([brace(asked.digest), mac(asked.digest, this.#keys.answer, message)])])
  }

  #judgeResponse(bytes: Buffer): HandshakeStep {
    const wanted = this.#policy.challenge
    if (bytes.length === LEGACY_RESPONSE_BYTES && this.#policy.legacyMd5) return this.#compare('md5', bytes)
    const answer = splitDigest(bytes)
    if (!answer) {
      const isLegacy = bytes.length === LEGACY_RESPONSE_BYTES && this.#policy.legacyMd5 !== undefined
      if (!isLegacy) return this.#malformed('is no answer to our challenge')
      return this.#refuse('it answered with MD5, as Python up to 3.11 does; the option allowLegacyMd5 would take it')
    }
    // The answer must use our digest. CPython accepts any, so there a SHA-256 challenge can be answered with MD5.
    if (answer.digest !== wanted) return this.#refuse(`it answered with ${answer.digest}, not ${wanted}`)
    if (answer.rest.length !== macBytes(wanted)) {
      return this.#malformed(`is an answer with a MAC of ${answer.rest.length} bytes`)
    }
    return this.#compare(wanted, answer.rest)
  }

  #compare(digest: string, given: Buffer): HandshakeStep {
    const expected = mac(digest, this.#keys.verify, this.#message)
    if (!timingSafeEqual(expected, given)) return this.#refuse('its answer to our challenge is wrong')
    return this.#advance([WELCOME])
  }

  #readVerdict(bytes: Buffer): HandshakeStep {
    if (bytes.equals(WELCOME)) return this.#advance([])
    if (bytes.equals(FAILURE)) return this.#refuse('it refused our answer')
    return this.#malformed('is no verdict')
  }

  /** Goes to the next state. The only other transition is #fail(). */
  #advance(send: Buffer[]): HandshakeStep {
    this.#state = NEXT_STATE[this.#side][this.#state as OpenState]!
    if (this.#state === CHALLENGES_IN[this.#side]) {
      this.#message = Buffer.concat([brace(this.#policy.challenge), randomBytes(NONCE_BYTES)])
      send.push(Buffer.concat([CHALLENGE, this.#message]))
    }
    return { send, failure: undefined }
  }

  #fail(failure: AuthError | ProtocolError): HandshakeStep {
    // If an answer was due, the other side is told that it was not accepted, as in Python. In the
    // other states this side sends no verdict.
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
