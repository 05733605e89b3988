// Runs in: owner, template and child. The digests of the handshake: their names on the wire, their MACs, and which of
// them are accepted. Pure.
import { createHmac } from 'node:crypto'
import { UsageError } from '../../errors.js'

/** A digest as Python names it on the wire, in braces. */
export type Digest = 'sha256' | 'sha384' | 'sha3_256' | 'sha3_384'

/** Every digest of multiprocessing.connection since 3.12 but MD5. Source: _ALLOWED_DIGESTS in connection.py. */
export const STRONG_DIGESTS: readonly Digest[] = ['sha256', 'sha384', 'sha3_256', 'sha3_384']

/** Bytes of a challenge's nonce before 3.12, when its only digest was MD5 and no message named it. */
export const LEGACY_NONCE_BYTES = 20

/** Bytes of the answer before 3.12: a bare HMAC-MD5. Later answers are longer, so the length identifies it. */
export const LEGACY_RESPONSE_BYTES = 16

/** Which digests a handshake asks for, and which it accepts. */
export interface DigestPolicy {
  /** The digest that our own challenges ask for. An answer must use it, or legacy MD5 if that is allowed. */
  readonly challenge: Digest | 'md5'
  /** The digests with which we answer a challenge that asks for them. */
  readonly answers: readonly (Digest | 'md5')[]
  /**
   * Whether a bare HMAC-MD5 is sent and accepted, which is all that Python up to 3.11 knows;
   * undefined if no Python is expected.
   */
  readonly legacyMd5: boolean | undefined
}

/** Only SHA-256: for the control socket, where both sides are forkserver. */
export const CONTROL_POLICY: DigestPolicy = { challenge: 'sha256', answers: ['sha256'], legacyMd5: undefined }

// Name on the wire, name in OpenSSL, bytes of the MAC.
const DIGESTS = new Map([
  ['md5', { algorithm: 'md5', bytes: 16 }],
  ['sha256', { algorithm: 'sha256', bytes: 32 }],
  ['sha384', { algorithm: 'sha384', bytes: 48 }],
  ['sha3_256', { algorithm: 'sha3-256', bytes: 32 }],
  ['sha3_384', { algorithm: 'sha3-384', bytes: 48 }],
])

/**
 * The policy of a public connection.
 *
 * @param options.digest that our challenges ask for; 'md5' needs allowLegacyMd5
 * @param options.allowLegacyMd5 whether MD5 is sent and accepted in any form
 * @throws UsageError ERR_INVALID_OPTION for 'md5' alone; ERR_UNSUPPORTED if MD5 is wanted and this Node has none (FIPS)
 */
export function digestPolicy(options: {
  digest?: Digest | 'md5' | undefined
  allowLegacyMd5?: boolean | undefined
}): DigestPolicy {
  const { digest = 'sha256', allowLegacyMd5 = false } = options
  if (!allowLegacyMd5) {
    if (digest !== 'md5') return { challenge: digest, answers: STRONG_DIGESTS, legacyMd5: false }
    throw new UsageError('ERR_INVALID_OPTION', "The digest 'md5' needs the option allowLegacyMd5: true as well.")
  }
  try {
    mac('md5', Buffer.alloc(1), '')
  } catch (cause) {
    const text = 'This Node has no MD5 (FIPS mode?), so allowLegacyMd5 is impossible. Use Python 3.12 or later.'
    throw new UsageError('ERR_UNSUPPORTED', text, { cause })
  }
  return { challenge: digest, answers: [...STRONG_DIGESTS, 'md5'], legacyMd5: true }
}

/** Bytes of the MAC of a known digest. */
export function macBytes(digest: string): number {
  return DIGESTS.get(digest)!.bytes
}

/** Splits '{name}rest'. A name has 1 to 8 characters: CPython's longest, sha3_256, has 8. */
export function splitDigest(bytes: Buffer): { digest: string; rest: Buffer } | undefined {
  const match = /^\{([a-z0-9_]{1,8})\}/.exec(bytes.toString('latin1', 0, 10))
  return match ? { digest: match[1]!, rest: bytes.subarray(match[0].length) } : undefined
}

/** A digest's name as it stands on the wire. */
export function brace(digest: string): Buffer {
  return Buffer.from(`{${digest}}`)
}

// What createHmac() does with the key: Node hands OpenSSL a pointer to the bytes themselves, and copies nothing on the
// JS heap. OpenSSL pads the key on its stack and keeps the hashed pads in a context; it cleanses the first before
// HMAC_Init_ex() returns and the second when digest() frees the context. Node's digest() collects the MAC on the C
// stack, and does not cleanse it; later calls write over it. That matters only if the MAC is itself a key, in
// deriveRoleKeys().
/** HMAC of a message, by a digest of the list. */
export function mac(digest: string, key: Uint8Array, message: string | Uint8Array): Buffer {
  return createHmac(DIGESTS.get(digest)!.algorithm, key).update(message).digest()
}
