// Runs in: owner and child. Writes opcodes and plain values of protocol 4 into one growing buffer. Pure.
//
// Without frames, which only help a reader of files: CPython writes pickles of less than four bytes without them, and reads all so.

import { MAX_VALUE_BYTES } from '../../wire/values/clone-refusal.js'
import { type OpcodeRow, PICKLE_OPCODES } from './opcodes.js'
import { encodeSurrogates, isWellFormed } from './text.js'

// Rows of the table, not their names: looking a name up for each value took a third of the time.
const OP = PICKLE_OPCODES

const FIRST_BYTES = 512
const MAX_BYTE = 0xff
/** UTF-8 takes at most three bytes for each unit of a string. */
const MAX_UNIT_BYTES = 3
/** Strings of up to so many units are written where they may need the most room; longer ones are measured first. */
const MAX_UNMEASURED_UNITS = 1024

/** The bytes would be more than MAX_VALUE_BYTES. */
export class OutputTooLargeError extends Error {}

/** A pickle in the making. */
export class Output {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  /** What was written; a view. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Makes room for so many bytes and returns where they start. */
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

  /** An opcode and an argument of one byte. */
  op1([code]: OpcodeRow, argument: number): void {
    const at = this.#take(2)
    this.#bytes[at] = code
    this.#bytes[at + 1] = argument
  }

  /** An opcode and an argument of four bytes. */
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

  /** An int of any size, in two's complement. */
  long(value: bigint): void {
    // By way of hexadecimal digits, because V8 writes those in linear time. A negative number has the digits of the one that has all
    // its bits turned round.
    const isNegative = value < 0n
    const digits = (isNegative ? ~value : value).toString(16)
    // One bit more than the digits need, for the sign.
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
