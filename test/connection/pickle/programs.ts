// Runs in: the test runner. Random pickles that nobody wrote: recorded ones damaged, and opcodes in any order.
import fc from 'fast-check'
import { type OpcodeName, PICKLE_OPCODES } from '#src/connection/pickle/opcodes.js'
import { assemble, op } from './assembler.js'
import { RECORDED } from './recorded.js'

const recorded = RECORDED.filter(({ hex }) => hex.length < 600).map(({ hex }) => Buffer.from(hex, 'hex'))

/** A recorded pickle with one byte changed, or with a few bytes cut out and put in here and there. */
export const changedPickle: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...recorded), fc.nat(), fc.nat(255))
    .map(([original, at, byte]) => Buffer.from(original).fill(byte, at % original.length, (at % original.length) + 1)),
  fc
    .tuple(
      fc.constantFrom(...recorded),
      fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.uint8Array({ maxLength: 3 })), { maxLength: 3 }),
    )
    .map(([original, changes]) =>
      changes.reduce((bytes, [at, cut, insert]) => {
        const start = at % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + cut)])
      }, original),
    ),
)

const names = (Object.keys(PICKLE_OPCODES) as OpcodeName[]).filter((name) => !/^(STOP|PROTO|FRAME)$/.test(name))
/** Those that make a value of others. */
const makers =
  'MARK MARK MARK NONE EMPTY_LIST EMPTY_DICT EMPTY_SET EMPTY_TUPLE BININT1 SHORT_BINUNICODE UNICODE LONG1 MEMOIZE ' +
  'BINGET DUP TUPLE LIST DICT FROZENSET APPEND APPENDS SETITEM SETITEMS ADDITEMS TUPLE1 TUPLE2 TUPLE3'
const opcode = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...(makers.split(' ') as OpcodeName[])) },
  { weight: 1, arbitrary: fc.constantFrom(...names) },
)
const argument = fc.oneof(
  fc.nat(3),
  fc.nat(300),
  fc.constantFrom('', '1', '-7', '00', '01', '5L', '1.5', 'nan', "'a'", "'\\x41\\n\\101'", '\\u00e9', '\\', '\xe9'),
  fc.constantFrom('builtins\nset', '_codecs\nencode', '__builtin__\nbytearray', 'latin1'),
  fc.uint8Array({ maxLength: 9 }),
)

/** Opcodes in any order, with arguments. */
export const program: fc.Arbitrary<Buffer> = fc
  .array(fc.tuple(opcode, argument), { maxLength: 14 })
  .map((steps) => assemble(...steps.map(([name, value]) => op(name, value))))
