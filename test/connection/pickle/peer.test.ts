// Runs in: the test runner. What the pickle tests do not compare with Python is only what Python keeps one of.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pickleCodec } from '#src/connection/pickle/pickle.js'
import { Float, Tuple } from '#src/connection/pickle/types.js'
import { hasKeysThatPythonMerges } from './peer.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)

for (const [name, value] of [
  ['two empty tuples in a frozenset', pickleCodec({ exact: true }).decode(Buffer.from('28292932912e', 'hex'))],
  ['an int and a bool', new Set<unknown>([1, true])],
  [
    'an int and a float, deep',
    {
      deep: [
        new Map<unknown, unknown>([
          [new Float(3), 1],
          [3, 2],
        ]),
      ],
    },
  ],
  ['equal bytes in equal tuples', new Set([Tuple.of(bytes('a')), Tuple.of(bytes('a'))])],
  ['equal sets in another order', new Set([new Set([1, 2]), new Set([2, 1])])],
  ['a NaN, of which Python keeps two', new Map([[Tuple.of(Number.NaN), 1]])],
] as const) {
  test(`${name}: Python keeps another number of keys`, () => assert.equal(hasKeysThatPythonMerges(value), true))
}

for (const [name, value] of [
  ['different tuples', new Set([Tuple.of(1), Tuple.of(2), Tuple.of(Tuple.of(1))])],
  ['equal items of a list', [[1], [1], [Number.NaN], [Number.NaN], true, 1]],
  [
    'equal values',
    new Map([
      ['a', [1]],
      ['b', [1]],
    ]),
  ],
  ['a text and a number', new Set([1, '1', bytes('1'), new Float(1.5)])],
] as const) {
  test(`${name}: Python keeps the same`, () => assert.equal(hasKeysThatPythonMerges(value), false))
}

test('a value in itself is looked at once', () => {
  const list: unknown[] = []
  list.push(list)
  assert.equal(hasKeysThatPythonMerges(list), false)
})
