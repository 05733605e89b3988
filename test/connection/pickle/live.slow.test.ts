// Runs in: the test runner. Every Python 3 of this machine reads what is written here, and what it writes is read here.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { PICKLE_OPCODES } from '#src/connection/pickle/opcodes.js'
import { pickle, pickleCodec } from '#src/connection/pickle/pickle.js'
import { ProtocolError } from '#src/errors.js'
import { watchLeaks } from '../../support/leaks.js'
import { findPythons3 } from '../../support/pythons.js'
import { exactValue, graph, plainValue } from './arbitraries.js'
import { CASES } from './cases.js'
import { ask, describe as describeValue, hasKeysThatPythonMerges } from './peer.js'
import { changedPickle, program } from './programs.js'

watchLeaks()

const exact = pickleCodec({ exact: true })
const SAMPLES = 400
const fromHex = (hex: string): Buffer => Buffer.from(hex, 'hex')
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const pythons = findPythons3()
const skip = pythons.length === 0 ? 'no python3 was found' : false
const samples: unknown[] = [
  ...[null, undefined, Object.assign(new Array(3), { 2: 1 }), { a: undefined }],
  ...[0, -0, 1.5, 2 ** 53, 1e300, Number.NaN, 5n, 2n ** 70n, -(2n ** 63n), '\ud800', 'x'.repeat(100_000)],
  ...[Buffer.from('buffer'), new Uint8Array(70_000), new Map([['a', 1]]), Object.assign(Object.create(null), { a: 1 })],
  ...[new Map<unknown, unknown>([[[1, [2, new Set([3])]], 1]]), new Set([new Set([[1]])])],
  // Shared and not shared, as a list, and in keys, where it is a tuple.
  ((list: unknown[]) => [list, list, new Map([[list, list]]), new Set([list])])([1, 2]),
  ...fc.sample(plainValue, SAMPLES),
  ...fc.sample(exactValue, SAMPLES),
  ...fc.sample(graph, SAMPLES),
]

test('there is a Python 3', { skip }, () => assert.ok(pythons.length > 0))

function tryDecode(bytes: Uint8Array): unknown {
  try {
    return exact.decode(bytes)
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    return undefined
  }
}

for (const python of pythons) {
  describe(`Python ${python.version}`, () => {
    test('reads every value as what was meant, and its answer is read as the same, in each protocol', () => {
      const answers = ask(
        python,
        'load',
        samples.map((value) => toHex(pickle.encode(value))),
      )
      for (const [index, [description, hexes]] of answers.entries()) {
        const expected = describeValue(samples[index])
        assert.equal(description, expected)
        assert.ok(hexes !== null && hexes.length >= 4)
        for (const hex of hexes) assert.equal(describeValue(exact.decode(fromHex(hex))), expected)
        const plain = hexes.map((hex) => pickle.decode(fromHex(hex)))
        for (const value of plain) assert.deepStrictEqual(value, plain[0])
      }
    })

    test('sends each case as what it is, and gets it back so', () => {
      const expressions = CASES.map(({ python }) => python)
      const descriptions = ask(python, 'describe', expressions)
      const returned: string[] = []
      for (const [index, pickles] of ask(python, 'dump', expressions).entries()) {
        for (const [protocol, hex] of pickles!) {
          const { value, exact: exactValue, python: name } = CASES[index]!
          assert.deepStrictEqual(pickle.decode(fromHex(hex)), value, `${name}, protocol ${protocol}`)
          assert.deepStrictEqual(exact.decode(fromHex(hex)), exactValue, `${name}, protocol ${protocol}`)
        }
        returned.push(toHex(exact.encode(exact.decode(fromHex(pickles!.at(-1)![1])))))
      }
      for (const [index, [description]] of ask(python, 'load', returned).entries()) {
        assert.equal(description, descriptions[index], expressions[index])
      }
    })

    // If only one of the two accepts a pickle, the results are not compared: we refuse a second value and trailing
    // bytes, and let a key be a dict. Pickles with two keys that are equal in Python are left out, too, because no
    // Python writes them.
    test('reads nothing else than we do in pickles that nobody wrote', () => {
      const pickles = [...fc.sample(program, 5 * SAMPLES), ...fc.sample(changedPickle, 5 * SAMPLES)]
      let same = 0
      for (const [index, theirs] of ask(python, 'judge', pickles.map(toHex)).entries()) {
        const ours = tryDecode(pickles[index]!)
        if (theirs === null || ours === undefined || hasKeysThatPythonMerges(ours)) continue
        assert.equal(describeValue(ours), theirs, toHex(pickles[index]!))
        same++
      }
      assert.ok(same > SAMPLES / 2, `only ${same} of ${pickles.length} are pickles`)
    })

    test('has the opcodes of our table', () => {
      const theirs = ask(python, 'opcodes').filter(([, , protocol]) => protocol <= 5)
      const ours = Object.entries(PICKLE_OPCODES)
        .map(
          ([name, [code, protocol, argument]]) =>
            [name, code, protocol, argument === 'none' ? null : argument] as const,
        )
        // Before 3.8 there was no protocol 5.
        .filter(([, , protocol]) => python.minor >= 8 || protocol < 5)
      const byName = (one: readonly unknown[], other: readonly unknown[]): number =>
        String(one[0]) < String(other[0]) ? -1 : 1
      assert.deepEqual([...ours].sort(byName), theirs.sort(byName))
    })
  })
}
