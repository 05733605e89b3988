// Runs in: owner and child. Pure. All opcodes of Python's pickle format, in one table. Reader, writer, docs and tests
// use it.
//
// Source: CPython's Lib/pickletools.py, which documents the format. If a Python is found, a rules test compares the
// two. New protocols only added opcodes (protocol 0 is of 1995, protocol 5 of 2019), so one table of 68 rows reads all
// of them.

/**
 * How the argument of an opcode is written, with the names of pickletools. Integers are little-endian, but float8 is
 * big-endian. A digit after bytes, string, unicodestring and long is the size of the length in front of it. 'nl' is
 * text up to a line feed.
 */
export interface PickleArguments {
  none: undefined
  uint1: number
  uint2: number
  uint4: number
  uint8: number
  int4: number
  float8: number
  floatnl: number
  decimalnl_short: number | bigint | boolean
  decimalnl_long: number | bigint
  long1: number | bigint
  long4: number | bigint
  string1: string
  string4: string
  stringnl: string
  stringnl_noescape: string
  stringnl_noescape_pair: string
  unicodestring1: string
  unicodestring4: string
  unicodestring8: string
  unicodestringnl: string
  bytes1: Uint8Array
  bytes4: Uint8Array
  bytes8: Uint8Array
  bytearray8: Uint8Array
}

/** A row of the table. */
export type OpcodeRow =
  | readonly [code: number, protocol: number, argument: keyof PickleArguments]
  | readonly [code: number, protocol: number, argument: keyof PickleArguments, refused: string]

/**
 * The code, the protocol that added it, and its argument. A fourth column says what an opcode asks for that plain data
 * never needs; such an opcode is refused.
 */
export const PICKLE_OPCODES = {
  PROTO: [0x80, 2, 'uint1'],
  FRAME: [0x95, 4, 'uint8'],
  STOP: [0x2e, 0, 'none'],
  // The stack and the memo.
  MARK: [0x28, 0, 'none'],
  POP: [0x30, 0, 'none'],
  POP_MARK: [0x31, 1, 'none'],
  DUP: [0x32, 0, 'none'],
  PUT: [0x70, 0, 'decimalnl_short'],
  BINPUT: [0x71, 1, 'uint1'],
  LONG_BINPUT: [0x72, 1, 'uint4'],
  MEMOIZE: [0x94, 4, 'none'],
  GET: [0x67, 0, 'decimalnl_short'],
  BINGET: [0x68, 1, 'uint1'],
  LONG_BINGET: [0x6a, 1, 'uint4'],
  // None, bool, int, float.
  NONE: [0x4e, 0, 'none'],
  NEWTRUE: [0x88, 2, 'none'],
  NEWFALSE: [0x89, 2, 'none'],
  INT: [0x49, 0, 'decimalnl_short'],
  LONG: [0x4c, 0, 'decimalnl_long'],
  BININT: [0x4a, 1, 'int4'],
  BININT1: [0x4b, 1, 'uint1'],
  BININT2: [0x4d, 1, 'uint2'],
  LONG1: [0x8a, 2, 'long1'],
  LONG4: [0x8b, 2, 'long4'],
  FLOAT: [0x46, 0, 'floatnl'],
  BINFLOAT: [0x47, 1, 'float8'],
  // str of Python 3, unicode of Python 2.
  UNICODE: [0x56, 0, 'unicodestringnl'],
  SHORT_BINUNICODE: [0x8c, 4, 'unicodestring1'],
  BINUNICODE: [0x58, 1, 'unicodestring4'],
  BINUNICODE8: [0x8d, 4, 'unicodestring8'],
  // str of Python 2; Python 3 never writes it.
  STRING: [0x53, 0, 'stringnl'],
  SHORT_BINSTRING: [0x55, 1, 'string1'],
  BINSTRING: [0x54, 1, 'string4'],
  // bytes, bytearray.
  SHORT_BINBYTES: [0x43, 3, 'bytes1'],
  BINBYTES: [0x42, 3, 'bytes4'],
  BINBYTES8: [0x8e, 4, 'bytes8'],
  BYTEARRAY8: [0x96, 5, 'bytearray8'],
  // list, tuple, dict, set, frozenset.
  EMPTY_LIST: [0x5d, 1, 'none'],
  LIST: [0x6c, 0, 'none'],
  APPEND: [0x61, 0, 'none'],
  APPENDS: [0x65, 1, 'none'],
  EMPTY_TUPLE: [0x29, 1, 'none'],
  TUPLE: [0x74, 0, 'none'],
  TUPLE1: [0x85, 2, 'none'],
  TUPLE2: [0x86, 2, 'none'],
  TUPLE3: [0x87, 2, 'none'],
  EMPTY_DICT: [0x7d, 1, 'none'],
  DICT: [0x64, 0, 'none'],
  SETITEM: [0x73, 0, 'none'],
  SETITEMS: [0x75, 1, 'none'],
  EMPTY_SET: [0x8f, 4, 'none'],
  ADDITEMS: [0x90, 4, 'none'],
  FROZENSET: [0x91, 4, 'none'],
  // Classes and functions by name, and calls of them. They are refused, except for the names in builtins.ts.
  GLOBAL: [0x63, 0, 'stringnl_noescape_pair'],
  STACK_GLOBAL: [0x93, 4, 'none'],
  REDUCE: [0x52, 0, 'none'],
  // Only objects need these.
  INST: [0x69, 0, 'stringnl_noescape_pair', 'an instance of a class'],
  OBJ: [0x6f, 1, 'none', 'an instance of a class'],
  NEWOBJ: [0x81, 2, 'none', 'an instance of a class'],
  NEWOBJ_EX: [0x92, 4, 'none', 'an instance of a class'],
  BUILD: [0x62, 0, 'none', "an object's __setstate__()"],
  EXT1: [0x82, 2, 'uint1', 'a class of the extension registry'],
  EXT2: [0x83, 2, 'uint2', 'a class of the extension registry'],
  EXT4: [0x84, 2, 'int4', 'a class of the extension registry'],
  PERSID: [0x50, 0, 'stringnl_noescape', 'an object by its persistent id'],
  BINPERSID: [0x51, 1, 'none', 'an object by its persistent id'],
  NEXT_BUFFER: [0x97, 5, 'none', 'an out-of-band buffer'],
  READONLY_BUFFER: [0x98, 5, 'none', 'an out-of-band buffer'],
} as const satisfies Readonly<Record<string, OpcodeRow>>

export type OpcodeName = keyof typeof PICKLE_OPCODES

/** The opcodes that the reader implements. The others have a fourth column. */
export type ReadOpcodeName = {
  [N in OpcodeName]: (typeof PICKLE_OPCODES)[N] extends readonly [number, number, string, string] ? never : N
}[OpcodeName]

/** The type of the value that an argument is read as. */
export type ArgumentOf<N extends OpcodeName> = PickleArguments[(typeof PICKLE_OPCODES)[N][2]]

/** The newest protocol that can be read. */
export const MAX_READ_PROTOCOL = 5

/**
 * The protocol that is written. Python 3.4 and later can read it. It is the oldest one with opcodes for set, frozenset
 * and long bytes.
 */
export const WRITTEN_PROTOCOL = 4
