// Runs in: owner, template and child. Pure. The secret of a control socket as a type of its own, so that it does not
// get into a log, into JSON or into the arguments of a job by accident.

import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { UsageError } from '../../errors.js'

/** The fewest bytes of a key: as many as the MAC has. Source: RFC 2104, section 3, discourages shorter ones. */
export const MIN_KEY_BYTES = 32

const PRINTED = '[key]'

/**
 * A shared secret of at least MIN_KEY_BYTES bytes. It always prints as `[key]`, and it cannot be cloned.
 * To pass it to another process, call export().
 *
 * @example
 * const key = AuthKey.generate()
 * console.log(key) // [key]
 * const same = AuthKey.from(key.export())
 */
export class AuthKey {
  readonly #bytes: Buffer
  #isDestroyed = false

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
    // structuredClone(), v8.serialize() and postMessage() would turn this object into `{}`, because they see
    // neither private fields nor the class. But they read own enumerable properties, getters included, and pass
    // on their errors. console.log() does not read this getter, because it calls inspect.custom first. Spreading
    // and assert.deepEqual() read it and fail, too.
    Object.defineProperty(this, 'cannotBeCloned', { enumerable: true, get: refuseClone })
  }

  /**
   * A new random key.
   *
   * @returns a key of MIN_KEY_BYTES bytes
   */
  static generate(): AuthKey {
    return new AuthKey(randomBytes(MIN_KEY_BYTES))
  }

  /**
   * A key from bytes that both sides know already. They are copied, so the caller may overwrite its own.
   *
   * @param bytes the secret, at least MIN_KEY_BYTES bytes
   * @param options `allowShort`: whether shorter keys are allowed, even an empty one, for a peer in Python that has
   *   such a key; default false
   * @returns the key
   * @throws UsageError ERR_INVALID_ARGUMENT if `bytes` is no Uint8Array, or too short
   */
  static from(bytes: Uint8Array, options: { allowShort?: boolean } = {}): AuthKey {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError('ERR_INVALID_ARGUMENT', 'A key is made from a Uint8Array or a Buffer.')
    }
    if (bytes.length < MIN_KEY_BYTES && options.allowShort !== true) {
      const text = `A key needs at least ${MIN_KEY_BYTES} bytes, but got ${bytes.length}. AuthKey.generate() makes one.`
      throw new UsageError('ERR_INVALID_ARGUMENT', text)
    }
    return new AuthKey(copyOutsidePool(bytes))
  }

  /**
   * The secret itself, not a copy, for the handshake only. Do not write to it or keep it: destroy() zeroes it.
   *
   * @returns a view of the key's own memory
   * @throws UsageError ERR_INVALID_STATE after destroy()
   * @internal
   */
  borrowBytes(): Uint8Array {
    this.#checkAlive()
    return this.#bytes
  }

  /**
   * A copy of the secret, for another process. The caller has to protect it.
   *
   * @returns new memory with the key's bytes
   * @throws UsageError ERR_INVALID_STATE after destroy()
   */
  export(): Buffer {
    this.#checkAlive()
    return copyOutsidePool(this.#bytes)
  }

  /** Overwrites the secret with zeros. The key cannot be used again. Calling it twice is harmless. */
  destroy(): void {
    this.#isDestroyed = true
    this.#bytes.fill(0)
  }

  /** @returns `[key]` */
  toString(): string {
    return PRINTED
  }

  /** @returns `[key]` */
  toJSON(): string {
    return PRINTED
  }

  /** @returns `[key]` */
  [inspect.custom](): string {
    return PRINTED
  }

  #checkAlive(): void {
    if (this.#isDestroyed) throw new UsageError('ERR_INVALID_STATE', 'This key was destroyed. Make a new one.')
  }
}

// Buffer.from() takes small copies from a pool that unrelated Buffers share, and that nobody zeroes.
function copyOutsidePool(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

function refuseClone(): never {
  const text = 'A key cannot be cloned or sent as an argument. If another process needs it, pass key.export().'
  throw new UsageError('ERR_CANNOT_CLONE', text)
}
