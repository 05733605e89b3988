// Runs in: template. The key, from the startup socket to a page of memory that is wiped in children. No copy stays
// on the heap that children inherit: the bytes go straight from the socket to the page, and the keys of the
// control socket are derived into that page, too.

import { check, type Native } from '../platform/native.js'
import { deriveRoleKeys, type HandshakeKeys, zero } from '../wire/auth/handshake.js'
import { KEY_LENGTH } from '../wire/startup.js'

/** The template's keys for the handshake: views of the wiped page. */
export type TemplateKeys = HandshakeKeys

/** Takes a new page, lets `read` fill its first 32 bytes with the key, and leaves only the two derived keys in it. */
export function adoptKey(native: Native, read: (page: Uint8Array) => void): TemplateKeys {
  const page = native.newSecretPage()
  if (typeof page === 'number') check('madvise', page)
  const bytes = new Uint8Array(page as ArrayBuffer)
  const [key, listener, connector] = [0, 1, 2].map((slot) => bytes.subarray(slot * KEY_LENGTH, (slot + 1) * KEY_LENGTH))
  read(key!)
  deriveRoleKeys(key!, { listener: listener!, connector: connector! })
  zero(key!)
  return { answer: listener!, verify: connector! }
}
