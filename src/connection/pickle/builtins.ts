// Runs in: owner and child. The few calls of Python that plain data needs, done here without calling anything by name. Pure.
//
// Before protocols 4 and 5 there were no opcodes for some plain types, so CPython writes "call set with this list": GLOBAL
// names the function, REDUCE calls it. These calls are known by heart. Any other name is refused when it is read, before its arguments
// are looked at, and a known one is no value either: it may only be called.

import { ByteArray, FrozenSet } from './types.js'

/** A function that a pickle named, waiting on the stack to be called. */
export class Builtin {
  /** @param call its result, or undefined for arguments that CPython would not write */
  constructor(
    readonly name: string,
    readonly call: (args: readonly unknown[], exact: boolean) => Set<unknown> | Uint8Array | undefined,
  ) {}
}

const set = new Builtin('builtins.set', ([items, ...more]) =>
  Array.isArray(items) && more.length === 0 ? new Set(items) : undefined,
)
const frozenset = new Builtin('builtins.frozenset', ([items, ...more], exact) =>
  Array.isArray(items) && more.length === 0 ? new (exact ? FrozenSet : Set)(items) : undefined,
)
// Python 3: bytearray() and bytearray(bytes). Python 2: bytearray(text, 'latin-1').
const bytearray = new Builtin('builtins.bytearray', (args, exact) => {
  const [source] = args
  const bytes =
    args.length === 0
      ? new Uint8Array()
      : args.length === 1 && source instanceof Uint8Array
        ? source
        : args.length === 2 && args[1] === 'latin-1'
          ? latin1Bytes(source)
          : undefined
  return bytes && new (exact ? ByteArray : Uint8Array)(bytes)
})
const bytes = new Builtin('builtins.bytes', (args) => (args.length === 0 ? new Uint8Array() : undefined))
const encode = new Builtin('_codecs.encode', (args) =>
  args.length === 2 && args[1] === 'latin1' ? latin1Bytes(args[0]) : undefined,
)

// The module is builtins in Python 3. Protocols 0 to 2 have its old name, so that Python 2 can read them.
const BUILTINS: ReadonlyMap<string, Builtin> = new Map(
  [set, frozenset, bytearray, bytes, encode].flatMap((builtin) => [
    [builtin.name, builtin],
    [builtin.name.replace(/^builtins/, '__builtin__'), builtin],
  ]),
)

/**
 * The known function of a name.
 *
 * @param name module and name with a dot between them, such as 'builtins.set'
 */
export function findBuiltin(name: string): Builtin | undefined {
  return BUILTINS.get(name)
}

function latin1Bytes(text: unknown): Uint8Array | undefined {
  // A character above U+00FF would be cut to its low byte.
  if (typeof text !== 'string' || /[\u0100-\uffff]/.test(text)) return undefined
  return new Uint8Array(Buffer.from(text, 'latin1'))
}
