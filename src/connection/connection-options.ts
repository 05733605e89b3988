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

/** The default limit for the size of a message, in bytes. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1024 ** 3
/** The default time limit of a handshake, in milliseconds. A handshake normally takes less than one. */
export const DEFAULT_HANDSHAKE_MS = 5_000
const DEFAULT_BACKLOG = 128
const DEFAULT_MAX_PENDING = 64
const DEFAULT_PERMISSIONS = 0o600

/**
 * Options of every connection. `T` is the type of the values that it sends and receives: that of the codec, or the one
 * that you state.
 */
export interface ConnectionOptions<T = unknown> {
  /** How values are converted to bytes; structured clone by default. Both sides need the same codec. */
  codec?: CodecName | Codec<T>
  /**
   * The largest message to accept, in bytes; 1 GiB by default. Memory is allocated only for bytes that have arrived.
   */
  maxMessageLength?: number
}

/** How the two sides prove that they hold the same key. */
export interface AuthOptions {
  /**
   * The shared key: an AuthKey, or at least 32 bytes. It is copied, and the copy is overwritten when it is no longer
   * needed. `null` means no handshake: everybody who can reach the address can connect.
   */
  authKey: AuthKey | Uint8Array | null
  /**
   * The digest that our challenge requires; SHA-256 by default. The challenge of the other side may require any of the
   * list.
   */
  digest?: Digest | 'md5'
  /** Whether to accept and use MD5, the only digest that Python up to 3.11 knows; false by default. */
  allowLegacyMd5?: boolean
}

/** The options of connect(). */
export interface ConnectOptions<T = unknown> extends ConnectionOptions<T>, AuthOptions {
  /** Time limit in milliseconds for connecting and the handshake together; 5,000 by default. */
  timeout?: number
  /** Aborting it cancels the call. */
  signal?: AbortSignal
}

/** The options of Listener.listen(). */
export interface ListenOptions<T = unknown> extends ConnectionOptions<T>, AuthOptions {
  /** Where to listen. Port 0 chooses a free port; `listener.address` tells which. */
  address: Address
  /**
   * How many connections may wait in the kernel, and how many authenticated ones may wait for accept(); 128 by default.
   */
  backlog?: number
  /** Mode of the socket file; 0o600 by default. */
  permissions?: number
  /** How many milliseconds a client has to prove that it holds the key; 5,000 by default. */
  handshakeTimeout?: number
  /**
   * How many clients may be in the handshake at a time. Others wait until one has finished. If none does, the oldest is
   * disconnected after a second. 64 by default.
   */
  maxPendingHandshakes?: number
}

/** The options of pipe(). */
export interface PipeOptions<T = unknown> extends ConnectionOptions<T> {
  /**
   * Whether both ends send and receive (the default). If false, the first end only receives and the second only sends.
   */
  duplex?: boolean
}

/** The options of deliverChallenge() and answerChallenge(). */
export interface ChallengeOptions {
  /** The digest that deliverChallenge() requires; SHA-256 by default. */
  digest?: Digest | 'md5'
  /** Whether to accept and use MD5, which Python up to 3.11 needs; false by default. */
  allowLegacyMd5?: boolean
  /** Time limit in milliseconds; 5,000 by default. */
  timeout?: number
  /** Aborting it cancels the call. */
  signal?: AbortSignal
}

/** Which part of a buffer to send, and a signal. */
export interface SendOptions {
  /** Where the message begins in the bytes; 0 by default. */
  offset?: number
  /** The number of bytes in the message; all that follow `offset` by default. */
  size?: number
  /** Aborting it ends the wait. The message is sent all the same, because the other side could not use a part of it. */
  signal?: AbortSignal
}

/** How to receive. */
export interface ReceiveOptions {
  /** Aborting it ends the wait. No message is lost. Use `AbortSignal.timeout(ms)` for a time limit. */
  signal?: AbortSignal
}

/** How to receive bytes. */
export interface ReceiveBytesOptions extends ReceiveOptions {
  /** The largest message to accept in this call, in bytes, instead of maxMessageLength of the connection. */
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
  // The message must not contain the value: it may be a secret in another form.
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

/** The options of Listener.listen(), including those that were left out. */
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
  return new UsageError('ERR_INVALID_OPTION', `${where} needs the option '${option}': ${what}.`)
}

/** authKey has no default, so that nobody accepts every client by forgetting it. */
function withKey<T extends AuthOptions>(where: string, options: T): T {
  if (options.authKey !== undefined) return options
  throw missing(where, 'authKey', 'an AuthKey that both sides have; null lets anybody in')
}

/** A copy of the key, which has to be destroyed, and how it is used. Null if there is no handshake. */
export interface Credentials {
  readonly key: AuthKey
  readonly policy: DigestPolicy
}

/**
 * @throws UsageError ERR_INVALID_ARGUMENT if the key is too short; ERR_INVALID_OPTION, ERR_UNSUPPORTED for the digest
 */
export function credentialsOf(options: AuthOptions): Credentials | null {
  if (options.authKey === null) return null
  const policy = digestPolicy(options)
  if (!(options.authKey instanceof AuthKey)) return { key: AuthKey.from(options.authKey), policy }
  return { key: AuthKey.from(options.authKey.borrowBytes(), { allowShort: true }), policy }
}

/** Checks the size limit that recvBytes() was given. */
export function checkMaxLength(asked: number | undefined): number | undefined {
  if (asked === undefined || (Number.isInteger(asked) && asked >= 0)) return asked
  const text = `maxLength is a number of bytes, 0 or more, not ${String(asked)}.`
  throw new UsageError('ERR_INVALID_ARGUMENT', text)
}

/** Returns the part of the bytes that `offset` and `size` select. */
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
  const text = `There are ${bytes.length} bytes, so offset ${offset} and size ${size} reach beyond them.`
  throw new UsageError('ERR_INVALID_ARGUMENT', text)
}
