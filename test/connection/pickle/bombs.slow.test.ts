// Runs in: the test runner. Small pickles that are made to cost much memory, time or stack. If one did, the test would
// exceed the runner's time limit or the process would end.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pickle, pickleCodec } from '#src/connection/pickle/pickle.js'
import { assemble, little, op } from './assembler.js'

const exact = pickleCodec({ exact: true })
const MIB = 2 ** 20
const broken = (message: RegExp): object => ({ name: 'ProtocolError', code: 'ERR_PROTOCOL', message })
const refused = (message: RegExp): object => ({ name: 'ProtocolError', code: 'ERR_PICKLE_REFUSED', message })
const repeat = (bytes: Uint8Array, times: number): Buffer => Buffer.alloc(bytes.length * times, bytes)

/**
 * A pickle of one opcode with a length of four bytes and as many zeros. The zeros are never touched, so they take no
 * memory.
 */
function withZeros(name: 'BINUNICODE' | 'LONG4', length: number): Buffer {
  const bytes = Buffer.alloc(1 + 4 + length + 1)
  bytes[0] = op(name)[0]!
  bytes.writeUInt32LE(length, 1)
  bytes[bytes.length - 1] = op('STOP')[0]!
  return bytes
}

describe('a length that lies costs nothing', () => {
  const lengths = [0x7fffffffn, 0x80000000n, 0xffffffffn, 2n ** 53n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n]
  const names = [
    ['LONG4', 4],
    ['BINSTRING', 4],
    ['BINUNICODE', 4],
    ['BINUNICODE8', 8],
    ['BINBYTES', 4],
    ['BINBYTES8', 8],
    ['BYTEARRAY8', 8],
    ['FRAME', 8],
  ] as const
  for (const [name, size] of names) {
    test(name, () => {
      for (const length of lengths.filter((value) => value < 2n ** BigInt(size * 8))) {
        const before = process.memoryUsage().arrayBuffers
        for (let times = 0; times < 100; times++) {
          const bytes = Buffer.concat([op(name).subarray(0, 1), little(length, size), Buffer.from('abc.')])
          assert.throws(() => pickle.decode(bytes), broken(/at byte 0/))
        }
        const after = process.memoryUsage().arrayBuffers
        assert.ok(after - before < 64 * MIB, `${length}: ${after - before} bytes more`)
      }
    })
  }
})

describe('the memo', () => {
  test('a number as large as there are costs nothing', () => {
    for (const put of [op('LONG_BINPUT', 0xffffffff), op('PUT', '4294967295'), op('PUT', '9'.repeat(4000))]) {
      const name = put[0] === 0x70 ? put.toString('latin1').slice(1, -1) : 0xffffffff
      const get = typeof name === 'string' ? op('GET', name) : op('LONG_BINGET', name)
      assert.deepEqual(pickle.decode(assemble(op('EMPTY_LIST'), put, op('NONE'), op('APPEND'), op('POP'), get)), [null])
    }
  })
  test('numbers in any order, with gaps and again', () => {
    const put = (index: number, value: string): Buffer =>
      Buffer.concat([op('UNICODE', value), op('LONG_BINPUT', index), op('POP')])
    const bytes = assemble(
      ...[put(1, 'one'), put(0, 'zero'), put(1, 'one again'), put(5, 'five'), put(2, 'two')],
      ...[op('UNICODE', 'next'), op('MEMOIZE'), op('POP')], // the fifth, so it takes number 4
      op('MARK'),
      ...[0, 1, 2, 4, 5].map((index) => op('BINGET', index)),
      op('LIST'),
    )
    assert.deepEqual(pickle.decode(bytes), ['zero', 'one again', 'two', 'next', 'five'])
  })

  test('a note that nobody made, or a negative one', () => {
    assert.throws(() => pickle.decode(assemble(op('BINGET', 0))), broken(/note 0/))
    assert.throws(() => pickle.decode(assemble(op('GET', '-1'))), broken(/negative/))
    assert.throws(() => pickle.decode(assemble(op('NONE'), op('PUT', '-1'))), broken(/negative/))
  })
})

/** How deep a value is, counted without recursion. */
function depthOf(value: unknown): number {
  let depth = 0
  for (let inner = value; Array.isArray(inner); inner = inner[0]) depth++
  return depth
}

describe('depth does not touch the stack', () => {
  const DEPTH = 1_000_000
  test('lists in lists', () => {
    const bytes = assemble(repeat(op('EMPTY_LIST'), DEPTH), repeat(op('APPEND'), DEPTH - 1))
    assert.equal(depthOf(pickle.decode(bytes)), DEPTH)
    assert.equal(depthOf(exact.decode(bytes)), DEPTH)
  })

  test('tuples in tuples', () => {
    const bytes = assemble(op('EMPTY_TUPLE'), repeat(op('TUPLE1'), DEPTH))
    assert.equal(depthOf(pickle.decode(bytes)), DEPTH + 1)
    assert.equal(depthOf(exact.decode(bytes)), DEPTH + 1)
  })

  test('marks without end', () => {
    assert.throws(() => pickle.decode(repeat(op('MARK'), 3 * DEPTH)), broken(/cut short/))
    assert.deepEqual(
      pickle.decode(assemble(repeat(op('MARK'), DEPTH), repeat(op('POP_MARK'), DEPTH), op('NONE'))),
      null,
    )
  })

  test('values in values are written, to a depth that recursion never reached', () => {
    let value: unknown[] = []
    for (let depth = 1; depth < 100_000; depth++) value = [value]
    assert.equal(depthOf(pickle.decode(pickle.encode(value))), 100_000)
    assert.throws(() => pickle.encode([value]), { code: 'ERR_CANNOT_CLONE', message: /nested more than 100000 deep/ })
  })

  test('a getter that makes values without end is not followed without end', () => {
    const endless = (): object => ({
      get next() {
        return endless()
      },
    })
    assert.throws(() => pickle.encode(endless()), { code: 'ERR_CANNOT_CLONE', message: /nested more than/ })
  })
})

describe('more items than arguments fit on the stack', () => {
  const COUNT = 1_000_000
  test('of a list, a tuple, a dict and a set', () => {
    const items = repeat(op('NONE'), COUNT)
    assert.equal((pickle.decode(assemble(op('MARK'), items, op('LIST'))) as unknown[]).length, COUNT)
    assert.equal(
      (pickle.decode(assemble(op('EMPTY_LIST'), op('MARK'), items, op('APPENDS'))) as unknown[]).length,
      COUNT,
    )
    assert.equal((exact.decode(assemble(op('MARK'), items, op('TUPLE'))) as unknown[]).length, COUNT)
    assert.deepEqual(pickle.decode(assemble(op('MARK'), items, op('DICT'))), new Map([[null, null]]))
    assert.deepEqual(pickle.decode(assemble(op('MARK'), items, op('FROZENSET'))), new Set([null]))
  })
})

describe('ints', () => {
  test('of 32 MiB are read and written in linear time', () => {
    const bytes = assemble(op('LONG4', Buffer.alloc(32 * MIB, 0x81)))
    const value = pickle.decode(bytes) as bigint
    assert.equal(BigInt.asUintN(32, value), 0x81818181n)
    assert.ok(value < 0n)
    assert.equal(pickle.decode(pickle.encode(value)), value)
  })

  test('of more bits than V8 has are refused', () => {
    const bytes = withZeros('LONG4', 2 ** 27 + 1)
    assert.throws(() => pickle.decode(bytes), refused(/an int of 134217729 bytes/))
  })

  test('in decimals are refused where Python refuses them', () => {
    for (const name of ['INT', 'LONG'] as const) {
      assert.equal(pickle.decode(assemble(op(name, '7'.repeat(4300)))), BigInt('7'.repeat(4300)))
      assert.throws(() => pickle.decode(assemble(op(name, '7'.repeat(4301)))), refused(/4301 decimal digits/))
      assert.throws(() => pickle.decode(assemble(op(name, '7'.repeat(10 * MIB)))), refused(/decimal digits/))
    }
  })
})

describe('one byte that makes a value', () => {
  const few = pickleCodec({ maxValues: 1000 })
  // What a thousand of them count for, with the list around them and its mark.
  const counted = [
    ['NONE', [op('NONE')], 1],
    ['BININT1', [op('BININT1')], 1],
    ['SHORT_BINUNICODE', [op('SHORT_BINUNICODE', '')], 1],
    ['MARK', [op('MARK'), op('POP_MARK')], 1],
    ['MEMOIZE', [op('NONE'), op('MEMOIZE')], 2],
    ['PUT', [op('NONE'), op('BINPUT', 0)], 2],
    ['DUP', [op('NONE'), op('DUP')], 2],
    ['BINGET', [op('NONE'), op('BINPUT', 0), op('BINGET', 0)], 3],
    ['EMPTY_LIST', [op('EMPTY_LIST')], 4],
    ['EMPTY_TUPLE', [op('EMPTY_TUPLE')], 4],
    ['EMPTY_DICT', [op('EMPTY_DICT')], 4],
    ['EMPTY_SET', [op('EMPTY_SET')], 4],
    ['LIST', [op('MARK'), op('LIST')], 5],
    ['TUPLE', [op('MARK'), op('TUPLE')], 5],
    ['DICT', [op('MARK'), op('DICT')], 5],
    ['FROZENSET', [op('MARK'), op('FROZENSET')], 5],
    ['TUPLE1', [op('NONE'), op('TUPLE1')], 5],
    ['TUPLE2', [op('NONE'), op('DUP'), op('TUPLE2')], 6],
    ['TUPLE3', [op('NONE'), op('DUP'), op('DUP'), op('TUPLE3')], 7],
    ['REDUCE', [op('GLOBAL', 'builtins\nbytes'), op('EMPTY_TUPLE'), op('REDUCE')], 9],
    ['SHORT_BINBYTES', [op('SHORT_BINBYTES', '')], 4],
    ['BINBYTES', [op('BINBYTES', '')], 4],
    ['BINBYTES8', [op('BINBYTES8', '')], 4],
    ['BYTEARRAY8', [op('BYTEARRAY8', '')], 4],
  ] as const
  for (const [name, ops, weight] of counted) {
    test(`${name} is counted`, () => {
      const one = Buffer.concat(ops)
      const most = Math.floor((1000 - 5) / weight)
      assert.ok(Array.isArray(few.decode(assemble(op('MARK'), repeat(one, most), op('LIST')))))
      const more = Math.floor(1000 / weight) + 1
      assert.throws(() => few.decode(assemble(op('MARK'), repeat(one, more), op('LIST'))), refused(/maxValues/))
    })
  }

  // Without the limit, each of these ends the process: out of heap, or an array longer than V8 can make.
  for (const name of ['NONE', 'MARK', 'EMPTY_LIST', 'EMPTY_TUPLE', 'EMPTY_DICT', 'EMPTY_SET'] as const) {
    test(`a message of 128 MiB of ${name} does not end the process`, () => {
      assert.throws(() => pickle.decode(repeat(op(name), 128 * MIB)), refused(/maxValues/))
    })
  }

  test('nor does one of MEMOIZE', () => {
    assert.throws(() => pickle.decode(assemble(op('NONE'), repeat(op('MEMOIZE'), 128 * MIB))), refused(/maxValues/))
  })

  const skip = process.env.FORKSERVER_TEST_FUZZ === undefined && 'it takes a minute: set FORKSERVER_TEST_FUZZ=1'
  test('a set of more items than V8 takes is refused, where the limit was raised so far', { skip }, () => {
    const many = pickleCodec({ maxValues: 2 ** 30 })
    const bytes = Buffer.alloc(1 + 5 * (2 ** 24 + 1) + 2)
    bytes[0] = op('MARK')[0]!
    for (let index = 0; index <= 2 ** 24; index++) {
      bytes[1 + index * 5] = op('BININT')[0]!
      bytes.writeInt32LE(index, 2 + index * 5)
    }
    op('FROZENSET').copy(bytes, bytes.length - 2)
    op('STOP').copy(bytes, bytes.length - 1)
    assert.throws(() => many.decode(bytes), refused(/too large/))
  })
})

describe('a call that copies what was mentioned before', () => {
  const copies = (make: Buffer, name: string, args: readonly Buffer[]): Buffer =>
    assemble(
      ...[op('GLOBAL', name), op('PUT', 0), op('POP'), make, op('PUT', 1), op('POP'), op('MARK')],
      repeat(
        Buffer.concat([op('BINGET', 0), op('MARK'), op('BINGET', 1), ...args, op('TUPLE'), op('REDUCE')]),
        100_000,
      ),
      op('LIST'),
    )
  const latin1 = op('UNICODE', 'latin1')
  const many: ReadonlyArray<readonly [string, Buffer]> = [
    ['set', copies(Buffer.concat([op('MARK'), repeat(op('NONE'), MIB), op('LIST')]), 'builtins\nset', [])],
    ['frozenset', copies(Buffer.concat([op('MARK'), repeat(op('NONE'), MIB), op('LIST')]), 'builtins\nfrozenset', [])],
    ['bytearray', copies(op('BINBYTES', Buffer.alloc(MIB)), 'builtins\nbytearray', [])],
    ['encode', copies(op('BINUNICODE', Buffer.alloc(MIB)), '_codecs\nencode', [latin1])],
  ]
  for (const [name, bytes] of many) {
    test(name, () => assert.throws(() => pickle.decode(bytes), broken(/copies more than the pickle holds/)))
  }

  test('copies that CPython asks for are not too many', () => {
    const bytes = assemble(
      ...[op('GLOBAL', '__builtin__\nbytearray'), op('GLOBAL', '_codecs\nencode')],
      ...[
        op('BINUNICODE', 'x'.repeat(MIB)),
        op('UNICODE', 'latin1'),
        op('TUPLE2'),
        op('REDUCE'),
        op('TUPLE1'),
        op('REDUCE'),
      ],
    )
    assert.deepEqual(pickle.decode(bytes), new Uint8Array(MIB).fill(120))
  })
})

describe('text', () => {
  test('of surrogates only', () => {
    const text = '\ud800'.repeat(MIB)
    assert.equal(pickle.decode(pickle.encode(text)), text)
  })

  test('with a first byte of a surrogate everywhere and no surrogate', () => {
    assert.throws(() => pickle.decode(assemble(op('BINUNICODE', Buffer.alloc(MIB, 0xed)))), broken(/UTF-8/))
    assert.equal(pickle.decode(assemble(op('BINUNICODE', '\ud7ff'.repeat(MIB)))), '\ud7ff'.repeat(MIB))
  })

  test('of backslashes only', () => {
    const value = pickle.decode(assemble(op('UNICODE', '\\'.repeat(MIB))))
    assert.equal(value, '\\'.repeat(MIB))
    assert.equal(pickle.decode(assemble(op('STRING', `'${'\\'.repeat(MIB)}'`))), '\\'.repeat(MIB / 2))
  })

  test('longer than a string can be', () => {
    const bytes = withZeros('BINUNICODE', 2 ** 29)
    assert.throws(() => pickle.decode(bytes), refused(/a str of 536870912 bytes/))
  })

  test('numbers in decimals that are none', () => {
    for (const line of ['', '1e', '.', '1.2.3', '0x10', '1_0', ' 1', '--1', 'NaNa', 'Infinity', '1e400']) {
      assert.throws(() => pickle.decode(assemble(op('FLOAT', line))), broken(/decimal number/), line)
    }
    const almost = `${'1'.repeat(MIB)}x`
    assert.throws(() => pickle.decode(assemble(op('FLOAT', almost))), broken(/decimal number/))
    assert.throws(() => pickle.decode(assemble(op('INT', almost))), broken(/decimal integer/))
    for (const line of ['', '-', '1.0', '0x10', '1_0', ' 1', '--1', '1LL', '010', '-007', '+1', '-0']) {
      assert.throws(() => pickle.decode(assemble(op('LONG', line))), broken(/decimal integer/), line)
    }
  })
})
