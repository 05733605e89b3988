// Runs in: the test runner. Writes pickles opcode by opcode, also those that no Python would write.
import { type OpcodeName, PICKLE_OPCODES } from '#src/connection/pickle/opcodes.js'

export type Argument = number | bigint | string | Uint8Array

/** An opcode and its argument: a number, or text or bytes after their true length. */
export function op(name: OpcodeName, argument: Argument = 0): Buffer {
  const [code, , kind] = PICKLE_OPCODES[name]
  return Buffer.concat([Buffer.from([code]), argumentOf(kind, argument)])
}

/** A pickle of some opcodes; STOP is added. */
export function assemble(...ops: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...ops, op('STOP')])
}

/** Bytes of a number, little-endian. */
export function little(value: number | bigint, size: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
  return bytes.subarray(0, size)
}

function argumentOf(kind: (typeof PICKLE_OPCODES)[OpcodeName][2], argument: Argument): Uint8Array {
  const size = Number(/\d$/.exec(kind)?.[0] ?? 0)
  if (kind === 'none') return Buffer.alloc(0)
  if (kind === 'float8') {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(Number(argument))
    return bytes
  }
  if (typeof argument === 'number' || typeof argument === 'bigint') {
    return size > 0 && /^u?int/.test(kind) ? little(argument, size) : Buffer.from(`${argument}\n`)
  }
  const bytes = Buffer.from(argument)
  return size > 0 ? Buffer.concat([little(bytes.length, size), bytes]) : Buffer.concat([bytes, Buffer.from('\n')])
}
