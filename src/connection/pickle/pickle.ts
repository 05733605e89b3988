// Runs in: owner and child. The pickle codec: plain data in the form of Python's pickle. Pure.
//
// docs/PICKLE.md says how each type is converted. A test runs the rows of its tables.

import { types } from 'node:util'
import { UsageError } from '../../errors.js'
import { boolean, checkOptions, integer } from '../../options/option-checks.js'
import { writePickle } from './pickler.js'
import { type ReadRules, readPickle } from './unpickler.js'

export { ByteArray, Float, FrozenSet, Tuple } from './types.js'

/** Options of pickleCodec(). */
export interface PickleOptions {
  /**
   * Whether each Python type arrives as a class of its own: float as Float, tuple as Tuple, frozenset as FrozenSet,
   * bytearray as ByteArray, every dict as a Map. A value that was read this way is written back with the same types.
   * Default: false.
   */
  exact?: boolean
  /**
   * How many values one pickle may make or refer to, because one byte of a pickle can make one. A list, tuple, dict,
   * set or bytes counts as four. Default: 16,777,216.
   */
  maxValues?: number
}

/** Converts values to pickles and back. */
export interface PickleCodec {
  /**
   * Writes a value as a pickle of protocol 4, which Python 3.4 and later read.
   *
   * @param value null, booleans, numbers, bigints, strings, Uint8Arrays, Arrays, Sets, Maps, plain objects, and Float,
   *   Tuple, FrozenSet, ByteArray. Shared references and cycles are kept
   * @returns the pickle, at most 2 GiB
   * @throws UsageError ERR_CANNOT_CLONE for anything else; the message says where it is
   */
  encode(value: unknown): Uint8Array
  /**
   * Reads a pickle of protocol 0 to 5 that contains plain data. Nothing that it names is looked up, and nothing is
   * called.
   *
   * @param bytes exactly one pickle; the result shares no memory with it
   * @returns the value
   * @throws ProtocolError ERR_PICKLE_REFUSED if it asks for a class, a function or anything else that is not plain
   *   data, or exceeds a limit
   * @throws ProtocolError ERR_PROTOCOL if the bytes are not a pickle; the message says at which position
   */
  decode(bytes: Uint8Array): unknown
}

/**
 * How many values one pickle may make by default. An empty set is one byte and about 200 bytes of heap; this many,
 * counted as four each, take less than half of V8's smallest usual heap of 2 GiB. An array of more than 112 million
 * items would end the process without an error.
 */
export const DEFAULT_MAX_VALUES = 2 ** 24

const DEFAULT_RULES: ReadRules = { exact: false, maxValues: DEFAULT_MAX_VALUES }

/**
 * Makes a pickle codec with other options than `pickle`.
 *
 * @param options `exact` keeps the types of Python apart; `maxValues` is the largest number of values in one pickle
 * @returns the codec, for the option `codec` of a connection, or to call by yourself
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
 * The pickle codec with default options.
 *
 * @example
 * pickle.decode(pickle.encode({ a: [1, 2] })) // { a: [1, 2] }
 */
export const pickle: PickleCodec = pickleCodec()
