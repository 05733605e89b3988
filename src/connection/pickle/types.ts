// Runs in: owner and child. Pure. Four Python types that JavaScript does not have, as subclasses of the closest
// JavaScript type. Code that accepts the JavaScript type also accepts these.
//
// Use them for writing if Python has to get exactly this type. The option `exact` uses them for reading, so that no
// type is lost.

/**
 * A Python float, even if its value is whole. Without it, a number that is a safe integer is written as an int, because
 * JavaScript does not distinguish `1` and `1.0`.
 *
 * @example
 * pickle.encode({ ratio: new Float(1) }) // {'ratio': 1.0}
 */
export class Float extends Number {}

/**
 * A Python tuple. An Array is written as a list, or as a tuple if Python does not accept a list: as a key of a dict or
 * in a set.
 *
 * @example
 * pickle.encode(Tuple.of(1, 2)) // (1, 2)
 * pickle.encode(Tuple.from([1, 2])) // the same
 */
export class Tuple<T = unknown> extends Array<T> {}

/**
 * A Python frozenset. A Set is written as a set, or as a frozenset if Python does not accept a set: as a key of a dict
 * or in a set.
 *
 * @example
 * pickle.encode(new FrozenSet([1, 2])) // frozenset({1, 2})
 */
export class FrozenSet<T = unknown> extends Set<T> {}

/**
 * A Python bytearray. A Uint8Array is written as bytes.
 *
 * @example
 * pickle.encode(new ByteArray([1, 2])) // bytearray(b'\x01\x02')
 */
export class ByteArray extends Uint8Array {}
