// Runs in: owner and child. Reads the arguments of opcodes from the bytes of a pickle. Pure.
//
// The bytes may be hostile. Before anything is read, its length is compared with the bytes that are left, so no
// argument takes more memory than it has bytes. Results never share memory with the bytes, which belong to a message.

import { ProtocolError } from '../../errors.js'
import { firstLine } from '../../wire/values/clone-refusal.js'
import type { PickleArguments } from './opcodes.js'
import { decodeAscii, decodeQuoted, decodeRawUnicodeEscape, decodeUtf8 } from './text.js'

/**
 * Reading and printing decimals takes more than linear time. CPython has the same limit (sys.int_info, CVE-2020-10735).
 */
export const MAX_DECIMAL_DIGITS = 4300
/** V8's largest BigInt has 2 ** 30 bits. */
export const MAX_LONG_BYTES = 2 ** 27
/** Buffer reads integers of up to this many bytes itself, and all of them are safe integers. */
const MAX_SHORT_LONG_BYTES = 6

const LINE_FEED = 0x0a
const FLOAT_WORDS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  '-nan': Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
}

/** A position in a pickle, and the opcode that is being read there, for error messages. */
export class Cursor {
  readonly #bytes: Buffer
  #at = 0
  #opcodeAt = 0
  /** The name of the opcode that was read last. */
  opcode = ''

  /** @param bytes a pickle. It is not written to, and nothing that is read refers to it */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** The next opcode. */
  nextCode(): number {
    this.#opcodeAt = this.#at
    if (this.#at < this.#bytes.length) return this.#bytes[this.#at++]!
    this.opcode = 'the next opcode'
    return this.take(1)
  }

  /** Moves forward by this many bytes. Returns where they start. */
  take(length: number): number {
    if (length > this.left) throw this.broken(`needs ${length} more bytes, and ${this.left} are left: it is cut short`)
    const start = this.#at
    this.#at += length
    return start
  }

  /** The error for bytes that are not a pickle. `what` continues the sentence after the name of the opcode. */
  broken(what: string, cause?: unknown): ProtocolError {
    return new ProtocolError('ERR_PROTOCOL', `The bytes are not a pickle: ${this.#place} ${what}.`, { cause })
  }

  /**
   * The error for a pickle that asks for something that is not allowed. `what` continues the sentence after the name of
   * the opcode.
   */
  refused(what: string, advice: string): ProtocolError {
    return new ProtocolError('ERR_PICKLE_REFUSED', `The pickle was refused: ${this.#place} ${what}. ${advice}`)
  }

  get #place(): string {
    return `${this.opcode} at byte ${this.#opcodeAt}`
  }

  /** Takes this many bytes, as a view. */
  #view(length: number): Buffer {
    const start = this.take(length)
    return this.#bytes.subarray(start, start + length)
  }

  copy(length: number): Uint8Array {
    return new Uint8Array(this.#view(length))
  }

  line(): Buffer {
    const end = this.#bytes.indexOf(LINE_FEED, this.#at)
    if (end === -1) throw this.broken('has no end of its line: it is cut short')
    const line = this.#view(end - this.#at)
    this.#at++
    return line
  }

  unsigned1(): number {
    return this.#bytes[this.take(1)]!
  }

  unsigned2(): number {
    return this.#bytes.readUInt16LE(this.take(2))
  }

  unsigned4(): number {
    return this.#bytes.readUInt32LE(this.take(4))
  }

  /** Above 2 ** 53 the result is rounded. No pickle is that long. */
  unsigned8(): number {
    return Number(this.#bytes.readBigUInt64LE(this.take(8)))
  }

  signed4(): number {
    return this.#bytes.readInt32LE(this.take(4))
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.take(8))
  }

  length4(): number {
    const length = this.signed4()
    if (length < 0) throw this.broken(`has the length ${length}`)
    return length
  }

  /** An integer of any length in two's complement, little-endian. */
  long(length: number): number | bigint {
    if (length > this.left || length > MAX_LONG_BYTES) this.#refuseLong(length)
    if (length === 0) return 0
    if (length <= MAX_SHORT_LONG_BYTES) return this.#bytes.readIntLE(this.take(length), length)
    // Reads hexadecimal digits, because V8 converts those in linear time.
    const digits = Buffer.from(this.#view(length)).reverse().toString('hex')
    return asNumber(BigInt.asIntN(length * 8, BigInt(`0x${digits}`)))
  }

  #refuseLong(length: number): void {
    if (length > this.left) this.take(length)
    throw this.refused(`has an int of ${length} bytes`, `An int may have ${MAX_LONG_BYTES}.`)
  }

  decimal(line: string): number | bigint {
    // Accepts what CPython writes. CPython reads more, with surprising results: INT 010 is eight, +1 is True, -0 is
    // False.
    if (!/^(?:0|-?[1-9]\d*)$/.test(line)) throw this.broken('has no decimal integer')
    if (line.length > MAX_DECIMAL_DIGITS) {
      throw this.refused(
        `has an int of ${line.length} decimal digits`,
        `An int may have ${MAX_DECIMAL_DIGITS} in protocol 0 and 1: use protocol 2 or later.`,
      )
    }
    return asNumber(BigInt(line))
  }

  float(line: string): number {
    const word = FLOAT_WORDS[line]
    if (word !== undefined) return word
    const value = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i.test(line) ? Number(line) : Number.NaN
    // Python refuses numbers that are too large for a double.
    if (!Number.isFinite(value)) throw this.broken('has no decimal number')
    return value
  }

  text(decode: (bytes: Buffer) => string | undefined, bytes: Buffer | number, name: string): string {
    const taken = typeof bytes === 'number' ? this.#view(bytes) : bytes
    let text: string | undefined
    try {
      text = decode(taken)
    } catch (cause) {
      // The longest string of V8 has about 2 ** 29 characters.
      throw this.refused(`has a str of ${taken.length} bytes`, firstLine(cause))
    }
    if (text === undefined) throw this.broken(`has a str that is no ${name}`)
    return text
  }
}

/** Converts a bigint to a number if that is exact. */
function asNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

const ascii = (cursor: Cursor, bytes: Buffer | number): string => cursor.text(decodeAscii, bytes, 'ASCII')
const utf8 = (cursor: Cursor, length: number): string => cursor.text(decodeUtf8, length, 'UTF-8')

/** How each kind of argument is read. */
export const READ_ARGUMENT: { readonly [K in keyof PickleArguments]: (cursor: Cursor) => PickleArguments[K] } = {
  none: () => undefined,
  uint1: (cursor) => cursor.unsigned1(),
  uint2: (cursor) => cursor.unsigned2(),
  uint4: (cursor) => cursor.unsigned4(),
  uint8: (cursor) => cursor.unsigned8(),
  int4: (cursor) => cursor.signed4(),
  float8: (cursor) => cursor.double(),
  floatnl: (cursor) => cursor.float(ascii(cursor, cursor.line())),
  decimalnl_short: (cursor) => {
    const line = ascii(cursor, cursor.line())
    // These were bools before protocol 2.
    return line === '01' ? true : line === '00' ? false : cursor.decimal(line)
  },
  decimalnl_long: (cursor) => cursor.decimal(ascii(cursor, cursor.line()).replace(/L$/, '')),
  long1: (cursor) => cursor.long(cursor.unsigned1()),
  long4: (cursor) => cursor.long(cursor.length4()),
  string1: (cursor) => ascii(cursor, cursor.unsigned1()),
  string4: (cursor) => ascii(cursor, cursor.length4()),
  stringnl: (cursor) => {
    const text = cursor.text(decodeQuoted, cursor.line(), 'quoted text')
    return ascii(cursor, Buffer.from(text, 'latin1'))
  },
  stringnl_noescape: (cursor) => ascii(cursor, cursor.line()),
  stringnl_noescape_pair: (cursor) => `${utf8Line(cursor)}.${utf8Line(cursor)}`,
  unicodestring1: (cursor) => utf8(cursor, cursor.unsigned1()),
  unicodestring4: (cursor) => utf8(cursor, cursor.unsigned4()),
  unicodestring8: (cursor) => utf8(cursor, cursor.unsigned8()),
  unicodestringnl: (cursor) => cursor.text(decodeRawUnicodeEscape, cursor.line(), 'text with whole escapes'),
  bytes1: (cursor) => cursor.copy(cursor.unsigned1()),
  bytes4: (cursor) => cursor.copy(cursor.unsigned4()),
  bytes8: (cursor) => cursor.copy(cursor.unsigned8()),
  bytearray8: (cursor) => cursor.copy(cursor.unsigned8()),
}

function utf8Line(cursor: Cursor): string {
  return cursor.text(decodeUtf8, cursor.line(), 'UTF-8')
}
