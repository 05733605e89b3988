// Runs in: owner, template and child. With which C library this Node works. process.report knows it too, but makes a
// whole report for that, which takes 14 ms. The name of the dynamic linker tells it as well, and is in the first
// kilobyte of the program.
import { closeSync, openSync, readSync } from 'node:fs'
import path from 'node:path'

// From elf.h, for programs of 64 bits. All processors on which Node runs on Linux with them, except one, are
// little-endian; on that one the number at MAGIC_AT does not match, and the linker stays unknown.
const MAGIC = 0x464c457f
const CLASS_64_BITS = 2
const PROGRAM_TABLE_AT = 0x20
const ENTRY_BYTES_AT = 0x36
const ENTRY_COUNT_AT = 0x38
const INTERPRETER = 3
const INTERPRETER_AT = 8
const INTERPRETER_BYTES_AT = 32
const ENTRY_BYTES = 56

/**
 * The path of the dynamic linker that a program asks for.
 *
 * @param start the first bytes of the program's file
 * @returns undefined if the program has none, or if its name is not in these bytes
 */
export function dynamicLinkerOf(start: Buffer): string | undefined {
  if (start.length < 64 || start.readUInt32LE(0) !== MAGIC || start[4] !== CLASS_64_BITS) return undefined
  const table = Number(start.readBigUInt64LE(PROGRAM_TABLE_AT))
  const step = start.readUInt16LE(ENTRY_BYTES_AT)
  for (let index = 0; index < start.readUInt16LE(ENTRY_COUNT_AT); index++) {
    const entry = table + index * step
    if (entry + ENTRY_BYTES > start.length) return undefined
    if (start.readUInt32LE(entry) !== INTERPRETER) continue
    const from = Number(start.readBigUInt64LE(entry + INTERPRETER_AT))
    const to = from + Number(start.readBigUInt64LE(entry + INTERPRETER_BYTES_AT)) - 1 // without the NUL
    return to <= start.length ? start.toString('latin1', from, to) : undefined
  }
  return undefined
}

/** Whether this dynamic linker is that of musl, as in Alpine Linux. */
export const isMusl = (linker: string | undefined): boolean => path.basename(linker ?? '').startsWith('ld-musl-')

const LOOKED_AT = 4096

/** The dynamic linker of this process, or undefined if it cannot be found out. */
export function ownDynamicLinker(): string | undefined {
  try {
    const fd = openSync('/proc/self/exe', 'r')
    try {
      const start = Buffer.alloc(LOOKED_AT)
      return dynamicLinkerOf(start.subarray(0, readSync(fd, start, 0, LOOKED_AT, 0)))
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined // no /proc, or no permission: something else will say so
  }
}
