// Runs in: owner and child. The pickle codec: plain data as Python's pickle has it. Pure.
//
// docs/PICKLE.md says what becomes what, and a test holds it against this code.

import { types } from 'node:util'
import { UsageError } from '../../errors.js'
import { boolean, checkOptions, integer } from '../../options/option-checks.js'
import { type ReadRules, readPickle } from './reader.js'
import { writePickle } from './writer.js'

export { ByteArray, Float, FrozenSet, Tuple } from './types.js'

/** Options of pickleCodec(). */
export interface PickleOptions {
  /**
   * Whether each type of Python arrives as a class of its own: float as Float, tuple as Tuple, frozenset as FrozenSet, bytearray
   * as ByteArray, every dict as a Map. What is read so is written back as the same types. Default: false.
   */
  exact?: boolean
  /**
   * How many values one pickle may make or mention, because one byte of a pickle makes one; a list, tuple, dict, set or bytes
   * counts for four. Default: 16,777,216.
   */
  maxValues?: number
}

/** Values to bytes and back. */
export interface PickleCodec {
  /**
   * Writes a value as a pickle of protocol 4, which Python 3.4 and later read.
   *
   * @param value null, booleans, numbers, bigints, strings, Uint8Arrays, Arrays, Sets, Maps, plain objects, and Float, Tuple,
   *   FrozenSet, ByteArray; shared references and cycles arrive as such
   * @returns at most 2 GiB
   * @throws UsageError ERR_CANNOT_CLONE for anything else, with its path
   */
  encode(value: unknown): Uint8Array
  /**
   * Reads a pickle of protocol 0 to 5 that carries plain data. Nothing that it names is looked up, and nothing is called.
   *
   * @param bytes exactly one pickle; the result shares no memory with it
   * @throws ProtocolError ERR_PICKLE_REFUSED where it asks for a class, a function or anything else that is no plain data, or
   *   passes a limit
   * @throws ProtocolError ERR_PROTOCOL where the bytes are no pickle, with the place
   */
  decode(bytes: Uint8Array): unknown
}

/**
 * How many values one pickle may make. An empty set is one byte and about 200 bytes of heap: so many of them, counted fourfold, are less
 * than half of V8's smallest usual heap of 2 GiB. And an array of more than 112 million items ends a process without an error.
 */
export const DEFAULT_MAX_VALUES = 2 ** 24

const DEFAULT_RULES: ReadRules = { exact: false, maxValues: DEFAULT_MAX_VALUES }

/**
 * A pickle codec that reads in another way than `pickle` does.
 *
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT
 * @example
 * const exact = pickleCodec({ exact: true })
 * exact.decode(bytes) // Tuple(2) [ [Number (Float): 1], 1 ] for Python's (1.0, 1)
 */
export function pickleCodec(options?: PickleOptions): PickleCodec {
  const checked = checkOptions<PickleOptions>('pickleCodec()', options, { exact: boolean, maxValues: integer(1) })
  const rules: ReadRules = { ...DEFAULT_RULES, ...checked }
  return Object.freeze({
    encode: writePickle,
    decode: (bytes: Uint8Array) => {
      if (types.isUint8Array(bytes)) return readPickle(bytes, rules)
      throw new UsageError('ERR_INVALID_ARGUMENT', 'decode() takes a Uint8Array or a Buffer.')
    },
  })
}

/**
 * The pickle codec.
 *
 * @example
 * pickle.decode(pickle.encode({ a: [1, 2] })) // { a: [1, 2] }
 */
export const pickle: PickleCodec = pickleCodec()
