// Runs in: the test runner. The C library of a Node, by the dynamic linker that its program asks for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dynamicLinkerOf, isMusl, ownDynamicLinker } from '#src/platform/c-library.js'

const HEADER = 64
const ENTRY = 56
const LOAD = 1
const INTERPRETER = 3

/** The beginning of a program of 64 bits: its header, its table of parts, and the name of the linker. */
function program(linker: string, parts: readonly number[]): Buffer {
  const nameAt = HEADER + parts.length * ENTRY
  const bytes = Buffer.alloc(nameAt + linker.length + 1)
  bytes.write('\x7fELF\x02\x01\x01', 'latin1')
  bytes.writeBigUInt64LE(BigInt(HEADER), 0x20)
  bytes.writeUInt16LE(ENTRY, 0x36)
  bytes.writeUInt16LE(parts.length, 0x38)
  parts.forEach((type, index) => {
    const at = HEADER + index * ENTRY
    bytes.writeUInt32LE(type, at)
    if (type !== INTERPRETER) return
    bytes.writeBigUInt64LE(BigInt(nameAt), at + 8)
    bytes.writeBigUInt64LE(BigInt(linker.length + 1), at + 32)
  })
  bytes.write(linker, nameAt, 'latin1')
  return bytes
}

const MUSL = '/lib/ld-musl-x86_64.so.1'
const GLIBC = [
  '/lib64/ld-linux-x86-64.so.2',
  '/lib/ld-linux-aarch64.so.1',
  '/nix/store/x-musl/lib/ld-linux-aarch64.so.1',
]

test('the linker of a program is found behind other parts', () => {
  for (const linker of [MUSL, ...GLIBC]) {
    assert.equal(dynamicLinkerOf(program(linker, [INTERPRETER])), linker)
    assert.equal(dynamicLinkerOf(program(linker, [6, LOAD, INTERPRETER, LOAD])), linker)
  }
})

test('a static program has none, and other bytes have none', () => {
  assert.equal(dynamicLinkerOf(program('', [LOAD, LOAD])), undefined)
  for (const bytes of ['', '#!/bin/sh\n', '\x7fELF', 'x'.repeat(4096)])
    assert.equal(dynamicLinkerOf(Buffer.from(bytes, 'latin1')), undefined)
})

test('a program that is cut off anywhere throws nothing', () => {
  const whole = program(MUSL, [LOAD, INTERPRETER])
  for (let length = 0; length < whole.length - 1; length++)
    assert.equal(dynamicLinkerOf(whole.subarray(0, length)), undefined, `${length} bytes`)
})

test('musl is told from glibc by the name of the linker, not of its folder', () => {
  assert.ok(isMusl(MUSL))
  for (const linker of [...GLIBC, undefined]) assert.ok(!isMusl(linker), linker)
})

test('the linker of this process is known', { skip: process.platform !== 'linux' && 'there is no /proc' }, () => {
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  assert.equal(isMusl(ownDynamicLinker()), report.header.glibcVersionRuntime === undefined)
  assert.match(ownDynamicLinker()!, /\/ld/)
})
