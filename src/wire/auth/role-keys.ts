// Runs in: owner, template and child. The keys of a handshake: one for both directions, as in Python, or one bound to
// each role. Pure.

import { UsageError } from '../../errors.js'
import { mac } from './digests.js'

/** Length in bytes of a key that deriveRoleKeys() writes: one SHA-256 MAC. */
export const ROLE_KEY_BYTES = 32

/** HMAC-SHA256(key, this label) is the key of a listener's answer. ASCII, without a terminating zero. */
export const LISTENER_KEY_LABEL = 'forkserver control socket: listener answers'

/** HMAC-SHA256(key, this label) is the key of a connector's answer. */
export const CONNECTOR_KEY_LABEL = 'forkserver control socket: connector answers'

/** Which end of the connection: the listener challenges first. */
export type HandshakeSide = 'listener' | 'connector'

/** The keys of one side. The handshake reads them where they are and keeps no copy. */
export interface HandshakeKeys {
  /** The key of our answer to the other side's challenge. */
  readonly answer: Uint8Array
  /** The key that checks the other side's answer. */
  readonly verify: Uint8Array
}

/**
 * The keys of Python's multiprocessing: one for both directions, and the same on both sides.
 *
 * @param key of any length, also empty; it is not copied
 * @returns the keys of a Handshake
 */
export function sameKey(key: Uint8Array): HandshakeKeys {
  return { answer: key, verify: key }
}

/**
 * Keys bound to a role, for connections with forkserver at both ends: an answer of one side is no valid answer of the
 * other. The keys are new memory: zero() them when they are no longer needed.
 *
 * @param key of any length, the same on both sides
 * @param side whose keys to make
 * @returns the keys of a Handshake of that side
 */
export function roleKeys(key: Uint8Array, side: HandshakeSide): HandshakeKeys {
  // allocUnsafeSlow() never takes memory from the pool that all Buffers of the process share.
  const listener = Buffer.allocUnsafeSlow(ROLE_KEY_BYTES)
  const connector = Buffer.allocUnsafeSlow(ROLE_KEY_BYTES)
  deriveRoleKeys(key, { listener, connector })
  return side === 'listener' ? { answer: listener, verify: connector } : { answer: connector, verify: listener }
}

/**
 * Writes both derived keys into memory of the caller, and leaves no other copy on the JS heap: the template keeps
 * them in a page that the kernel wipes on fork. The listener answers with `listener` and verifies with
 * `connector`. A connector does the opposite.
 *
 * @param key of any length; it is not changed: zero() it afterwards if this was its last use
 * @param into memory of ROLE_KEY_BYTES bytes each
 * @throws UsageError ERR_INVALID_ARGUMENT if either has another length
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
