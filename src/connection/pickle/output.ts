// Runs in: owner and child. Writes opcodes and plain values of protocol 4 into one growing buffer. Pure.
//
// It writes no frames, which only help when a pickle is read from a file. CPython writes none for pickles of less than
// four bytes, and reads all pickles without them.

import { MAX_VALUE_BYTES } from '../../wire/values/clone-refusal.js'
import { type OpcodeRow, PICKLE_OPCODES } from './opcodes.js'
import { encodeSurrogates, isWellFormed } from './text.js'

// Rows of the table instead of their names: looking up a name for each value took a third of the time.
const OP = PICKLE_OPCODES

const FIRST_BYTES = 512
const MAX_BYTE = 0xff
/** UTF-8 takes at most three bytes for each UTF-16 unit of a string. */
const MAX_UNIT_BYTES = 3
/**
 * For strings of up to this many units, room for the longest possible UTF-8 is reserved. Longer strings are measured
 * first.
 */
const MAX_UNMEASURED_UNITS = 1024

/** Thrown if the pickle would be larger than MAX_VALUE_BYTES. */
export class OutputTooLargeError extends Error {}

/** A pickle that is being written. */
export class Output {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  /** The bytes written so far, as a view. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Makes room for this many bytes. Returns where they start. */
  #take(size: number): number {
    const start = this.#length
    const end = start + size
    if (end > this.#bytes.length) this.#grow(end)
    this.#length = end
    return start
  }

  #grow(needed: number): void {
    if (needed > MAX_VALUE_BYTES) throw new OutputTooLargeError(`${needed} bytes`)
    const grown = Buffer.allocUnsafe(Math.min(Math.max(needed, this.#bytes.length * 2), MAX_VALUE_BYTES))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }

  op([code]: OpcodeRow): void {
    const at = this.#take(1)
    this.#bytes[at] = code
  }

  /** Writes an opcode with an argument of one byte. */
  op1([code]: OpcodeRow, argument: number): void {
    const at = this.#take(2)
    this.#bytes[at] = code
    this.#bytes[at + 1] = argument
  }

  /** Writes an opcode with an argument of four bytes. */
  op4([code]: OpcodeRow, argument: number): void {
    const at = this.#take(5)
    this.#bytes[at] = code
    this.#bytes.writeInt32LE(argument | 0, at + 1)
  }

  float(value: number): void {
    this.op(OP.BINFLOAT)
    const at = this.#take(8)
    this.#bytes.writeDoubleBE(value, at)
  }

  /** @param value a safe integer */
  int(value: number): void {
    if (value >= 0 && value <= MAX_BYTE) this.op1(OP.BININT1, value)
    else if (value >= 0 && value <= 0xffff) {
      this.op(OP.BININT2)
      const at = this.#take(2)
      this.#bytes.writeUInt16LE(value, at)
    } else if (value === (value | 0)) this.op4(OP.BININT, value)
    else this.long(BigInt(value))
  }

  /** Writes an int of any size, in two's complement. */
  long(value: bigint): void {
    // Writes hexadecimal digits first, because V8 does that in linear time. A negative number -n is written as n - 1
    // with all bits inverted.
    const isNegative = value < 0n
    const digits = (isNegative ? ~value : value).toString(16)
    // The sign needs one more bit than the digits.
    const size =
      Number.parseInt(digits[0]!, 16) >= 8 || digits.length % 2 === 1 ? (digits.length + 2) >> 1 : digits.length >> 1
    const bytes = Buffer.from(digits.padStart(size * 2, '0'), 'hex').reverse()
    if (isNegative) for (let index = 0; index < size; index++) bytes[index]! ^= MAX_BYTE
    this.#counted(OP.LONG1, OP.LONG4, bytes)
  }

  blob(bytes: Uint8Array): void {
    this.#counted(OP.SHORT_BINBYTES, OP.BINBYTES, bytes)
  }

  #counted(short: OpcodeRow, long: OpcodeRow, bytes: Uint8Array): void {
    if (bytes.length <= MAX_BYTE) this.op1(short, bytes.length)
    else this.op4(long, bytes.length)
    const at = this.#take(bytes.length)
    this.#bytes.set(bytes, at)
  }

  text(text: string): void {
    if (!isWellFormed(text)) this.#counted(OP.SHORT_BINUNICODE, OP.BINUNICODE, encodeSurrogates(text))
    else if (text.length <= MAX_BYTE / MAX_UNIT_BYTES) {
      const start = this.#length
      this.#take(2 + text.length * MAX_UNIT_BYTES)
      const size = this.#bytes.write(text, start + 2)
      this.#length = start
      this.op1(OP.SHORT_BINUNICODE, size)
      this.#length += size
    } else {
      const start = this.#length
      const most = text.length <= MAX_UNMEASURED_UNITS ? text.length * MAX_UNIT_BYTES : Buffer.byteLength(text)
      this.#take(5 + most)
      const size = this.#bytes.write(text, start + 5)
      this.#length = start
      this.op4(OP.BINUNICODE, size)
      this.#length += size
    }
  }
}
