// Runs in: the test runner. What the two native libraries export. A symbol of the preload library comes before the
// same symbol of every other library in a template, so it may export nothing that any other library could mean to be
// its own.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findLibraries, findNative } from '#src/platform/native.js'

// From elf.h. All fields are little-endian, as the processors are on which forkserver is measured.
const SECTION_TABLE_AT = 0x28
const SECTION_SIZE_AT = 0x3a
const SECTION_COUNT_AT = 0x3c
const TYPE_DYNAMIC_SYMBOLS = 11
const SYMBOL_BYTES = 24
const BIND_LOCAL = 0

interface Section {
  type: number
  at: number
  bytes: number
  link: number
}

function sectionsOf(file: Buffer): Section[] {
  const table = Number(file.readBigUInt64LE(SECTION_TABLE_AT))
  const size = file.readUInt16LE(SECTION_SIZE_AT)
  return Array.from({ length: file.readUInt16LE(SECTION_COUNT_AT) }, (_, index) => {
    const at = table + index * size
    return {
      type: file.readUInt32LE(at + 4),
      at: Number(file.readBigUInt64LE(at + 24)),
      bytes: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    }
  })
}

/** The names of the symbols that a library gives to others: defined in it, and not local. */
function exportsOf(library: string): string[] {
  const file = readFileSync(library)
  assert.equal(file.toString('latin1', 1, 4), 'ELF', library)
  const sections = sectionsOf(file)
  const symbols = sections.find(({ type }) => type === TYPE_DYNAMIC_SYMBOLS)!
  const names = sections[symbols.link]!
  const found: string[] = []
  for (let at = symbols.at; at < symbols.at + symbols.bytes; at += SYMBOL_BYTES) {
    const bind = file[at + 4]! >> 4
    const isDefined = file.readUInt16LE(at + 6) !== 0
    const name = names.at + file.readUInt32LE(at)
    if (isDefined && bind !== BIND_LOCAL) found.push(file.toString('latin1', name, file.indexOf(0, name)))
  }
  return found.sort()
}

const skip = 'missing' in findNative() && 'there is no addon here'

test('the preload library exports what it replaces in the C library, and one struct of its own', { skip }, () => {
  const replaced = ['madvise', 'mmap', 'mmap64', 'pthread_create', 'pthread_join', 'syscall']
  assert.deepEqual(exportsOf(findLibraries()!.preload), ['forkserver_preload_2', ...replaced])
})

test('the addon exports what Node looks up in an addon, and nothing else', { skip }, () => {
  const lookedUp = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
  assert.deepEqual(exportsOf(findLibraries()!.addon), lookedUp)
})
