// Runs in: owner and child. Pure. Four types of Python that JavaScript has no word for, as subclasses of what stands in for them:
// whatever takes the plain type takes these too.
//
// They are for writing, where Python shall get just this type, and for reading with `exact`, where nothing may be lost.

/**
 * A float of Python, though its value is whole. A number that is a safe integer is written as an int, as Python's `1` and `1.0` are
 * one number here.
 *
 * @example
 * pickle.encode({ ratio: new Float(1) }) // {'ratio': 1.0}
 */
export class Float extends Number {}

/**
 * A tuple of Python. An Array is written as a list, and as a tuple only where Python takes no list: as a key of a dict, in a set.
 *
 * @example
 * pickle.encode(Tuple.of(1, 2)) // (1, 2)
 * pickle.encode(Tuple.from(list)) // tuple(list)
 */
export class Tuple<T = unknown> extends Array<T> {}

/**
 * A frozenset of Python. A Set is written as a set, and as a frozenset only where Python takes no set: as a key of a dict, in a set.
 *
 * @example
 * pickle.encode(new FrozenSet([1, 2])) // frozenset({1, 2})
 */
export class FrozenSet<T = unknown> extends Set<T> {}

/**
 * A bytearray of Python. A Uint8Array is written as bytes.
 *
 * @example
 * pickle.encode(new ByteArray([1, 2])) // bytearray(b'\x01\x02')
 */
export class ByteArray extends Uint8Array {}
