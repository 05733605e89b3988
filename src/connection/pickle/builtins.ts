// Runs in: owner and child. The few Python functions that plain data needs, implemented here. Nothing is called by its
// name. Pure.
//
// Before protocols 4 and 5 there were no opcodes for some plain types. CPython writes "call set with this list"
// instead: GLOBAL names the function, REDUCE calls it. This file knows these calls. Any other name is refused when it
// is read, before its arguments are looked at. A known name is not a value either: a pickle can only call it.

import { ByteArray, FrozenSet } from './types.js'

/** A function that a pickle named and that is on the stack, to be called. */
export class Builtin {
  /** @param call returns the result, or undefined if CPython would not write such arguments */
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
 * Finds the known function with a name.
 * @param name module and name with a dot between them, such as 'builtins.set'
 */
export function findBuiltin(name: string): Builtin | undefined {
  return BUILTINS.get(name)
}

function latin1Bytes(text: unknown): Uint8Array | undefined {
  // Latin-1 would cut a character above U+00FF to its low byte.
  if (typeof text !== 'string' || /[\u0100-\uffff]/.test(text)) return undefined
  return new Uint8Array(Buffer.from(text, 'latin1'))
}
