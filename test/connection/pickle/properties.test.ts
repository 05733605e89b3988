// Runs in: the test runner. Everything that is written is read back equal, here and in Python. Any bytes give a value
// or a typed error.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { pickle, pickleCodec } from '#src/connection/pickle/pickle.js'
import { ProtocolError } from '#src/errors.js'
import { exactValue, graph, plainValue } from './arbitraries.js'
import { describe as describeValue } from './peer.js'
import { changedPickle, program } from './programs.js'

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

  for (const [name, bytes] of Object.entries({
    'recorded pickles, damaged': changedPickle,
    'opcodes in any order': program,
  })) {
    test(name, () => {
      const outcomes = new Set<string>()
      fc.assert(
        fc.property(bytes, (bytes) => {
          outcomes.add(outcomeOf(bytes))
        }),
        { numRuns: 4 * RUNS },
      )
      assert.deepEqual([...outcomes].sort(), ['ERR_PICKLE_REFUSED', 'ERR_PROTOCOL', 'value'])
    })
  }
})
