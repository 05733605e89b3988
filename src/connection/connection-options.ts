// Runs in: owner and child. The options of forkserver/connection, and their checks. Pure.
import { constants } from 'node:buffer'
import { UsageError } from '../errors.js'
import {
  abortSignal,
  boolean,
  type Check,
  type Checks,
  checkOptions,
  integer,
  invalidOption,
  milliseconds,
  oneOf,
} from '../options/option-checks.js'
import { AuthKey } from '../wire/auth/auth-key.js'
import { type Digest, type DigestPolicy, digestPolicy, STRONG_DIGESTS } from '../wire/auth/digests.js'
import { type Address, address } from './address.js'
import { CODEC_NAMES, type Codec, type CodecName } from './codecs.js'

/** The largest message that is taken where nothing else is said, in bytes. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1024 ** 3
/** How long a handshake may take where nothing else is said, in milliseconds. An honest one takes less than one. */
export const DEFAULT_HANDSHAKE_MS = 5_000
const DEFAULT_BACKLOG = 128
const DEFAULT_MAX_PENDING = 64
const DEFAULT_PERMISSIONS = 0o600

/** What every connection can be told. `T` is what it sends and receives: the codec's, or what you say that it is. */
export interface ConnectionOptions<T = unknown> {
  /** What send() makes of a value: a structured clone by default. Both sides need the same. */
  codec?: CodecName | Codec<T>
  /** The largest message to take, in bytes; 1 GiB by default. Memory is taken only for bytes that have arrived. */
  maxMessageLength?: number
}

/** How two sides prove that they hold the same key. */
export interface AuthOptions {
  /**
   * The shared key: an AuthKey, or at least 32 bytes to make one of. It is copied, and the copy overwritten when it is no
   * longer needed. `null`: no handshake, so that anybody who reaches the address is let in.
   */
  authKey: AuthKey | Uint8Array | null
  /** The digest that our challenge asks for; SHA-256 by default. The other side's may ask for any of the list. */
  digest?: Digest | 'md5'
  /** Whether MD5 is given and taken, which is all that Python up to 3.11 knows; false by default. */
  allowLegacyMd5?: boolean
}

/** The options of connect(). */
export interface ConnectOptions<T = unknown> extends ConnectionOptions<T>, AuthOptions {
  /** Milliseconds for connecting and for the handshake together; 5,000 by default. */
  timeout?: number
  /** Gives it up. */
  signal?: AbortSignal
}

/** The options of Listener.listen(). */
export interface ListenOptions<T = unknown> extends ConnectionOptions<T>, AuthOptions {
  /** Where to listen. Port 0 picks a free one: `listener.address` tells. */
  address: Address
  /** How many connections wait to be accepted, in the kernel and, proved, in the listener; 128 by default. */
  backlog?: number
  /** Mode of the socket file; 0o600 by default. */
  permissions?: number
  /** How long a client may take to prove itself, in milliseconds; 5,000 by default. */
  handshakeTimeout?: number
  /** Clients that may be unproved at a time; 64 by default. Others wait, and the oldest is dropped for them after a second. */
  maxPendingHandshakes?: number
}

/** The options of pipe(). */
export interface PipeOptions<T = unknown> extends ConnectionOptions<T> {
  /** Whether both ends send and receive (the default); otherwise the first only receives and the second only sends. */
  duplex?: boolean
}

/** How one half of the handshake goes. */
export interface ChallengeOptions {
  /** The digest that deliverChallenge() asks for; SHA-256 by default. */
  digest?: Digest | 'md5'
  /** Whether MD5 is given and taken, as Python up to 3.11 needs it; false by default. */
  allowLegacyMd5?: boolean
  /** Milliseconds; 5,000 by default. */
  timeout?: number
  /** Gives it up. */
  signal?: AbortSignal
}

/** Which part of a buffer to send, and a signal. */
export interface SendOptions {
  /** Where the message begins in the bytes; 0 where it is absent. */
  offset?: number
  /** Bytes of the message; all that follow `offset` where it is absent. */
  size?: number
  /** Gives the waiting up; the message leaves all the same, for its part alone would be worth nothing. */
  signal?: AbortSignal
}

/** How to receive. */
export interface ReceiveOptions {
  /** Gives the waiting up; nothing is lost. `AbortSignal.timeout(ms)` makes a time limit. */
  signal?: AbortSignal
}

/** How to receive bytes. */
export interface ReceiveBytesOptions extends ReceiveOptions {
  /** The largest message to take this time, in bytes, in place of the connection's maxMessageLength. */
  maxLength?: number
}

const codec: Check<CodecName | Codec> = (value, site) => {
  if (CODEC_NAMES.includes(value as CodecName)) return value as CodecName
  const own = value as Partial<Codec> | null
  if (typeof own === 'object' && typeof own?.encode === 'function' && typeof own.decode === 'function')
    return own as Codec
  throw invalidOption(site, `${CODEC_NAMES.map((name) => `'${name}'`).join(', ')} or { encode, decode }`, value)
}

const authKey: Check<AuthKey | Uint8Array | null> = (value, site) => {
  if (value === null || value instanceof AuthKey || value instanceof Uint8Array) return value
  // Without the value: it may be a secret in another form.
  throw invalidOption(site, 'an AuthKey, at least 32 bytes, or null for none', typeof value)
}

const CONNECTION: Checks<ConnectionOptions> = { codec, maxMessageLength: integer(0, constants.MAX_LENGTH) }
const AUTH: Checks<AuthOptions> = {
  authKey,
  digest: oneOf([...STRONG_DIGESTS, 'md5'] as const),
  allowLegacyMd5: boolean,
}

/** Checks the options of a connection without a handshake. */
export function checkConnection(where: string, options: unknown): ConnectionOptions {
  return checkOptions<ConnectionOptions>(where, options, CONNECTION)
}

/** Checks the options of pipe(). */
export function checkPipe(options: unknown): PipeOptions {
  return checkOptions<PipeOptions>('pipe()', options, { ...CONNECTION, duplex: boolean })
}

/** Checks the options of connect(). */
export function checkConnect(options: unknown): ConnectOptions {
  const checks = { ...CONNECTION, ...AUTH, timeout: milliseconds, signal: abortSignal }
  return withKey('connect()', checkOptions<ConnectOptions>('connect()', options, checks))
}

/** The options of Listener.listen(), with what was left out. */
export type CheckedListenOptions = Required<Omit<ListenOptions, 'codec' | 'digest'>> & ListenOptions

/** Checks the options of deliverChallenge() and answerChallenge(). */
export function checkChallenge(where: string, options: unknown): ChallengeOptions {
  const { digest, allowLegacyMd5 } = AUTH
  const checks = { digest, allowLegacyMd5, timeout: milliseconds, signal: abortSignal }
  return checkOptions<ChallengeOptions>(where, options, checks)
}

/** Checks the options of Listener.listen(). */
export function checkListen(options: unknown): CheckedListenOptions {
  const checked = checkOptions<ListenOptions>('Listener.listen()', options, {
    ...CONNECTION,
    ...AUTH,
    address,
    backlog: integer(1, 0xffff),
    permissions: integer(0, 0o777),
    handshakeTimeout: milliseconds,
    maxPendingHandshakes: integer(1),
  })
  if (!checked.address)
    throw missing('Listener.listen()', 'address', 'such as { path }, { host, port } or { abstract }')
  return {
    backlog: DEFAULT_BACKLOG,
    permissions: DEFAULT_PERMISSIONS,
    handshakeTimeout: DEFAULT_HANDSHAKE_MS,
    maxPendingHandshakes: DEFAULT_MAX_PENDING,
    maxMessageLength: DEFAULT_MAX_MESSAGE_BYTES,
    allowLegacyMd5: false,
    ...withKey('Listener.listen()', checked),
  }
}

function missing(where: string, option: string, what: string): UsageError {
  return new UsageError('ERR_INVALID_OPTION', `${where} needs the option '${option}', ${what}.`)
}

/** A key that was forgotten must not be an open door. */
function withKey<T extends AuthOptions>(where: string, options: T): T {
  if (options.authKey !== undefined) return options
  throw missing(where, 'authKey', 'an AuthKey that both sides have; null lets anybody in')
}

/** A key and how it is used: our own copy of it, to be destroyed; or null for no handshake. */
export interface Credentials {
  readonly key: AuthKey
  readonly policy: DigestPolicy
}

/** @throws UsageError ERR_INVALID_ARGUMENT for a key that is too short; ERR_INVALID_OPTION, ERR_UNSUPPORTED of the digest */
export function credentialsOf(options: AuthOptions): Credentials | null {
  if (options.authKey === null) return null
  const policy = digestPolicy(options)
  if (!(options.authKey instanceof AuthKey)) return { key: AuthKey.from(options.authKey), policy }
  return { key: AuthKey.from(options.authKey.borrowBytes(), { allowShort: true }), policy }
}

/** Checks what recvBytes() is asked to take at most. */
export function checkMaxLength(asked: number | undefined): number | undefined {
  if (asked === undefined || (Number.isInteger(asked) && asked >= 0)) return asked
  const text = `maxLength is a number of bytes, 0 or more, not ${String(asked)}.`
  throw new UsageError('ERR_INVALID_ARGUMENT', text)
}

/** The part of some bytes that `offset` and `size` name. */
export function checkPart(
  bytes: Uint8Array,
  options: { offset?: number; size?: number } | undefined,
): [number, number] {
  if (!(bytes instanceof Uint8Array)) {
    throw new UsageError(
      'ERR_INVALID_ARGUMENT',
      'sendBytes() sends a Uint8Array or a Buffer. send() takes other values.',
    )
  }
  const offset = options?.offset ?? 0
  const size = options?.size ?? bytes.length - offset
  if (Number.isInteger(offset) && Number.isInteger(size) && offset >= 0 && size >= 0 && offset + size <= bytes.length) {
    return [offset, offset + size]
  }
  const text = `There are ${bytes.length} bytes, so offset ${offset} and size ${size} name no part of them.`
  throw new UsageError('ERR_INVALID_ARGUMENT', text)
}
