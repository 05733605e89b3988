// Runs in: the test runner. Whatever is written is read back equal, here and in Python; whatever bytes come, a value or a typed error does.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { pickle, pickleCodec } from '#src/connection/pickle.js'
import { type OpcodeName, PICKLE_OPCODES } from '#src/connection/pickle-opcodes.js'
import { ProtocolError } from '#src/errors.js'
import { exactValue, graph, plainValue } from './pickle-arbitraries.js'
import { assemble, op } from './pickle-assembler.js'
import { describe as describeValue } from './pickle-peer.js'
import { RECORDED } from './pickle-recorded.js'

const exact = pickleCodec({ exact: true })
/** FORKSERVER_TEST_FUZZ multiplies the runs, for hours on demand. */
const RUNS = 5_000 * Number(process.env.FORKSERVER_TEST_FUZZ ?? 1)

describe('what is written is read back equal', () => {
  test('plain values', () => {
    fc.assert(
      fc.property(plainValue, (value) => assert.deepStrictEqual(pickle.decode(pickle.encode(value)), value)),
      { numRuns: RUNS },
    )
  })

  test('every type of Python, with exact', () => {
    fc.assert(
      fc.property(exactValue, (value) => assert.deepStrictEqual(exact.decode(exact.encode(value)), value)),
      { numRuns: RUNS },
    )
  })

  test('any strings, numbers and bigints', () => {
    const scalar = fc.oneof(fc.string({ unit: 'binary', maxLength: 2000 }), fc.double(), fc.bigInt())
    fc.assert(
      fc.property(scalar, (value) => {
        const expected = typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value
        assert.deepStrictEqual(pickle.decode(pickle.encode(value)), expected)
      }),
      { numRuns: RUNS },
    )
  })

  test('shared references and cycles', () => {
    fc.assert(
      fc.property(graph, (value) => {
        assert.equal(describeValue(exact.decode(exact.encode(value))), describeValue(value))
      }),
      { numRuns: RUNS },
    )
  })
})

/** Decodes; says what came of it. Any error but a typed one fails the test. */
function outcomeOf(bytes: Uint8Array): 'value' | ProtocolError['code'] {
  let outcome: 'value' | ProtocolError['code'] = 'value'
  for (const codec of [exact, pickle]) {
    try {
      codec.decode(bytes)
      outcome = 'value'
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error))
      assert.match(error.code, /^(ERR_PROTOCOL|ERR_PICKLE_REFUSED)$/)
      assert.match(error.message, / at byte \d+ /)
      outcome = error.code
    }
  }
  return outcome
}

describe('whatever bytes come, a value or a typed error does', () => {
  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void outcomeOf(bytes)),
      { numRuns: 4 * RUNS },
    )
  })

  test('recorded pickles with a few bytes changed, cut or joined', () => {
    const recorded = RECORDED.filter(({ hex }) => hex.length < 600).map(({ hex }) => Buffer.from(hex, 'hex'))
    const change = fc.record({
      at: fc.nat(),
      byte: fc.nat(255),
      cut: fc.nat(3),
      insert: fc.uint8Array({ maxLength: 3 }),
    })
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(
        fc.constantFrom(...recorded),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (original, changes) => {
          let bytes = Buffer.from(original)
          for (const { at, byte, cut, insert } of changes) {
            const start = at % bytes.length
            bytes[start] = byte
            bytes = Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + cut)])
            if (bytes.length === 0) break
          }
          outcomes.add(outcomeOf(bytes))
        },
      ),
      { numRuns: 4 * RUNS },
    )
    assert.deepEqual([...outcomes].sort(), ['ERR_PICKLE_REFUSED', 'ERR_PROTOCOL', 'value'])
  })

  test('random programs of opcodes', () => {
    const names = (Object.keys(PICKLE_OPCODES) as OpcodeName[]).filter(
      (name) => !['STOP', 'PROTO', 'FRAME'].includes(name),
    )
    const argument = fc.oneof(
      fc.nat(3),
      fc.nat(),
      fc.constantFrom('', '1', "'a'", 'latin1', 'builtins\nset', '_codecs\nencode', '__builtin__\nbytearray'),
      fc.uint8Array({ maxLength: 9 }),
    )
    const useful = fc.constantFrom<OpcodeName>(
      ...([
        'MARK',
        'NONE',
        'EMPTY_LIST',
        'EMPTY_DICT',
        'EMPTY_SET',
        'EMPTY_TUPLE',
        'BININT1',
        'SHORT_BINUNICODE',
      ] as const),
      ...(['MEMOIZE', 'BINGET', 'DUP', 'TUPLE', 'LIST', 'DICT', 'FROZENSET', 'APPEND', 'SETITEM', 'TUPLE1'] as const),
    )
    const step = fc.tuple(fc.oneof(useful, fc.constantFrom(...names)), argument)
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        outcomes.add(outcomeOf(assemble(...steps.map(([name, value]) => op(name, value)))))
      }),
      { numRuns: 4 * RUNS },
    )
    assert.deepEqual([...outcomes].sort(), ['ERR_PICKLE_REFUSED', 'ERR_PROTOCOL', 'value'])
  })
})
