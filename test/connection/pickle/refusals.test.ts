// Runs in: the test runner. A pickle that asks for more than plain data is refused. The error says what it asked for,
// and nothing is run.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { pickle, pickleCodec } from '#src/connection/pickle/pickle.js'
import { watchLeaks } from '../../support/leaks.js'
import { findPythons3 } from '../../support/pythons.js'
import { assemble, op } from './assembler.js'
import { REFUSED } from './cases.js'
import { ask } from './peer.js'
import { RECORDED } from './recorded.js'

watchLeaks()

const folder = mkdtempSync(path.join(tmpdir(), 'pickle-'))
after(() => rmSync(folder, { recursive: true }))

const exact = pickleCodec({ exact: true })
const refused = (message: RegExp): object => ({ name: 'ProtocolError', code: 'ERR_PICKLE_REFUSED', message })

describe('recorded from Python', () => {
  for (const [python, named] of REFUSED) {
    test(python, () => {
      const pickles = RECORDED.filter((recorded) => recorded.python === python)
      assert.ok(pickles.length > 0)
      for (const { hex } of pickles) {
        assert.throws(() => pickle.decode(Buffer.from(hex, 'hex')), refused(named))
        assert.throws(() => exact.decode(Buffer.from(hex, 'hex')), refused(named))
      }
    })
  }
})

/** Every way to have a function called, as a pickle that calls os.system. */
const CALLS: Record<string, (command: string) => Buffer> = {
  'GLOBAL, REDUCE': (command) =>
    assemble(op('GLOBAL', 'os\nsystem'), op('UNICODE', command), op('TUPLE1'), op('REDUCE')),
  'GLOBAL, REDUCE of protocol 0': (command) =>
    assemble(op('GLOBAL', 'os\nsystem'), op('MARK'), op('STRING', `'${command}'`), op('TUPLE'), op('REDUCE')),
  'STACK_GLOBAL, REDUCE': (command) =>
    assemble(
      op('PROTO', 4),
      op('SHORT_BINUNICODE', 'os'),
      op('SHORT_BINUNICODE', 'system'),
      op('STACK_GLOBAL'),
      op('BINUNICODE', command),
      op('TUPLE1'),
      op('REDUCE'),
    ),
  'STACK_GLOBAL with names from the memo': (command) =>
    assemble(
      op('PROTO', 4),
      op('SHORT_BINUNICODE', 'os'),
      op('MEMOIZE'),
      op('SHORT_BINUNICODE', 'system'),
      op('MEMOIZE'),
      op('POP'),
      op('POP'),
      op('BINGET', 0),
      op('BINGET', 1),
      op('STACK_GLOBAL'),
      op('BINUNICODE', command),
      op('TUPLE1'),
      op('REDUCE'),
    ),
  INST: (command) => assemble(op('MARK'), op('UNICODE', command), op('INST', 'os\nsystem')),
  OBJ: (command) => assemble(op('MARK'), op('GLOBAL', 'os\nsystem'), op('UNICODE', command), op('OBJ')),
  'inside a list, its result dropped': (command) =>
    assemble(
      op('EMPTY_LIST'),
      op('GLOBAL', 'os\nsystem'),
      op('UNICODE', command),
      op('TUPLE1'),
      op('REDUCE'),
      op('POP'),
    ),
  'by way of map() and list()': (command) =>
    assemble(
      op('GLOBAL', 'builtins\nlist'),
      op('GLOBAL', 'builtins\nmap'),
      op('GLOBAL', 'os\nsystem'),
      op('EMPTY_LIST'),
      op('UNICODE', command),
      op('APPEND'),
      op('TUPLE2'),
      op('REDUCE'),
      op('TUPLE1'),
      op('REDUCE'),
    ),
}

describe('os.system', () => {
  for (const [name, make] of Object.entries(CALLS)) {
    const marker = path.join(folder, `${name.replaceAll(/\W+/g, '-')}`)
    const bytes = make(`touch ${marker}`)

    test(`${name}: refused and not run`, () => {
      assert.throws(() => pickle.decode(bytes), refused(/"(os\.system|builtins\.list|os\nsystem)"|class/))
      assert.throws(() => exact.decode(bytes), refused(/os\.system|builtins\.list/))
      assert.equal(existsSync(marker), false)
    })
  }

  const [python] = findPythons3().slice(-1)
  test('the same bytes are run by Python: what was refused was armed', { skip: python === undefined }, () => {
    for (const [name, make] of Object.entries(CALLS)) {
      const marker = path.join(folder, `armed-${name.replaceAll(/\W+/g, '-')}`)
      ask(python!, 'load', [make(`touch ${marker}`).toString('hex')])
      assert.equal(existsSync(marker), true, name)
    }
  })
})

const SET = op('GLOBAL', 'builtins\nset')
const ENCODE = op('GLOBAL', '_codecs\nencode')

describe('each opcode that plain data does not need', () => {
  const cases: ReadonlyArray<readonly [name: string, bytes: Buffer, message: RegExp]> = [
    ['INST', assemble(op('MARK'), op('INST', 'a\nB')), /INST at byte 1 asks for an instance of a class "a\.B"/],
    ['OBJ', assemble(op('MARK'), SET, op('OBJ')), /OBJ at byte \d+ asks for an instance of a class\./],
    ['NEWOBJ', assemble(SET, op('EMPTY_TUPLE'), op('NEWOBJ')), /NEWOBJ at byte \d+ asks for an instance of a class\./],
    ['NEWOBJ_EX', assemble(op('NEWOBJ_EX')), /NEWOBJ_EX at byte 0 asks for an instance of a class\./],
    ['BUILD', assemble(op('NONE'), op('NONE'), op('BUILD')), /BUILD at byte 2 asks for an object's __setstate__\(\)\./],
    ['EXT1', assemble(op('EXT1', 7)), /EXT1 at byte 0 asks for a class of the extension registry "7"/],
    ['EXT2', assemble(op('EXT2', 300)), /extension registry "300"/],
    ['EXT4', assemble(op('EXT4', 70000)), /extension registry "70000"/],
    ['PERSID', assemble(op('PERSID', 'my id')), /PERSID at byte 0 asks for an object by its persistent id "my id"/],
    [
      'BINPERSID',
      assemble(op('NONE'), op('BINPERSID')),
      /BINPERSID at byte 1 asks for an object by its persistent id\./,
    ],
    ['NEXT_BUFFER', assemble(op('NEXT_BUFFER')), /NEXT_BUFFER at byte 0 asks for an out-of-band buffer/],
    ['READONLY_BUFFER', assemble(op('NONE'), op('READONLY_BUFFER')), /READONLY_BUFFER at byte 1 asks for an out-of/],
    ['a name of 1 MB', assemble(op('GLOBAL', `a\n${'b'.repeat(1e6)}`)), /^.{0,400}$/],
    [
      'a name with line ends and escapes',
      assemble(op('UNICODE', '\\u000a\\u001b[31m'), op('UNICODE', 'x'), op('STACK_GLOBAL')),
      /"\\n\\u001b\[31m\.x"/,
    ],
  ]
  for (const [name, bytes, message] of cases)
    test(name, () => assert.throws(() => pickle.decode(bytes), refused(message)))
})

describe('the known calls are taken only as CPython writes them', () => {
  const text = op('UNICODE', 'a')
  const cases: ReadonlyArray<readonly [name: string, bytes: Buffer]> = [
    ['set of a str', assemble(SET, text, op('TUPLE1'), op('REDUCE'))],
    ['set of two', assemble(SET, op('EMPTY_LIST'), op('EMPTY_LIST'), op('TUPLE2'), op('REDUCE'))],
    ['set of None', assemble(SET, op('NONE'), op('TUPLE1'), op('REDUCE'))],
    [
      'bytearray of a size',
      assemble(op('GLOBAL', 'builtins\nbytearray'), op('BININT', 2 ** 30), op('TUPLE1'), op('REDUCE')),
    ],
    ['bytes of a size', assemble(op('GLOBAL', 'builtins\nbytes'), op('BININT', 2 ** 30), op('TUPLE1'), op('REDUCE'))],
    ['encode as rot13', assemble(ENCODE, text, op('UNICODE', 'rot13'), op('TUPLE2'), op('REDUCE'))],
    ['encode as utf-8', assemble(ENCODE, text, op('UNICODE', 'utf-8'), op('TUPLE2'), op('REDUCE'))],
    ['encode without a codec', assemble(ENCODE, text, op('TUPLE1'), op('REDUCE'))],
    [
      'encode above latin1',
      assemble(ENCODE, op('UNICODE', '\\u20ac'), op('UNICODE', 'latin1'), op('TUPLE2'), op('REDUCE')),
    ],
    ['a set of functions', assemble(SET, op('EMPTY_LIST'), SET, op('APPEND'), op('TUPLE1'), op('REDUCE'))],
    ['a function as an item of a tuple', assemble(SET, op('TUPLE1'))],
    ['a function as a key', assemble(op('EMPTY_DICT'), SET, op('NONE'), op('SETITEM'))],
    ['a function from the memo', assemble(SET, op('BINPUT', 0), op('POP'), op('NONE'), op('BINGET', 0), op('TUPLE2'))],
    ['a function by DUP', assemble(SET, op('DUP'), op('MARK'), op('EMPTY_TUPLE'), op('LIST'))],
    ['another codec', assemble(op('GLOBAL', '_codecs\ndecode'))],
    ['an attribute', assemble(op('GLOBAL', 'builtins\nset.add'))],
    ['a module with a dot', assemble(op('GLOBAL', 'builtins.set\nx'))],
    ['getattr', assemble(op('GLOBAL', 'builtins\ngetattr'))],
    ['eval', assemble(op('GLOBAL', '__builtin__\neval'))],
    ['constructor', assemble(op('GLOBAL', 'constructor\nconstructor'))],
  ]
  for (const [name, bytes] of cases) {
    test(name, () =>
      assert.throws(() => pickle.decode(bytes), { name: 'ProtocolError', code: /^ERR_PICKLE_REFUSED$|^ERR_PROTOCOL$/ }),
    )
  }
})

test('REDUCE of what is no function', () => {
  const broken = { name: 'ProtocolError', code: 'ERR_PROTOCOL' }
  assert.throws(() => pickle.decode(assemble(op('EMPTY_LIST'), op('EMPTY_TUPLE'), op('REDUCE'))), broken)
  assert.throws(() => pickle.decode(assemble(SET, op('NONE'), op('REDUCE'))), broken)
  assert.throws(() => pickle.decode(assemble(op('EMPTY_TUPLE'), op('REDUCE'))), broken)
})

test('a key like __proto__ changes no prototype', () => {
  const bytes = assemble(
    op('EMPTY_DICT'),
    op('MARK'),
    ...['__proto__', 'constructor', 'toString', '__defineGetter__'].flatMap((key) => [
      op('UNICODE', key),
      op('EMPTY_DICT'),
      op('UNICODE', 'polluted'),
      op('NEWTRUE'),
      op('SETITEM'),
    ]),
    op('SETITEMS'),
  )
  const value = pickle.decode(bytes) as Record<string, unknown>
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.deepEqual(Object.keys(value), ['__proto__', 'constructor', 'toString', '__defineGetter__'])
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.equal(value.polluted, undefined)
  assert.equal(Object.getOwnPropertyDescriptor(value, '__proto__')?.writable, true)
})
