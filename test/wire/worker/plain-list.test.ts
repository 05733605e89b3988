// Runs in: the test runner. Short lists of plain values: what is read is what a structured clone would give.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeValue, encodeValue } from '#src/wire/values/clone.js'
import { decodeList, encodePlain, isPlain } from '#src/wire/worker/plain-list.js'

const clone = (value: unknown): unknown => decodeValue(encodeValue(value, 'value'))

test('what is taken comes back as its structured clone does; what is not, is no plain list', () => {
  const item = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.string({ minLength: 190, maxLength: 210 }),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, Number.NaN, '\ud800', '"', '\u2028', 10n, {}, []),
  )
  let taken = 0
  for (const isNested of [false, true]) {
    const lists = fc.array(isNested ? fc.array(item, { maxLength: 10 }) : item, { maxLength: 10 })
    fc.assert(
      fc.property(lists, (list) => {
        const bytes = encodePlain(list, isNested)
        if (!bytes) return
        taken++
        assert.ok(isPlain(bytes))
        assert.deepStrictEqual(decodeList(bytes), clone(list))
      }),
      { numRuns: 2_000 },
    )
  }
  assert.ok(taken > 100, `${taken}`)
})

test('a structured clone is not taken for JSON', () => {
  for (const value of [[], [1], '[', 0x5b]) {
    const bytes = encodeValue(value, 'value')
    assert.equal(isPlain(bytes), false)
    assert.deepEqual(decodeList(bytes), value)
  }
})

test('what JSON has not, or has not as it is, is left to the structured clone', () => {
  for (const value of [
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    undefined,
    1n,
    Symbol('x'),
    {},
    [1],
    new Date(),
    () => {},
  ])
    assert.equal(encodePlain([value]), undefined)
  assert.equal(encodePlain(new Array(3)), undefined)
  assert.equal(encodePlain(new Array(33).fill(1)), undefined)
  assert.equal(encodePlain([[1, [2]]], true), undefined)
  assert.equal(encodePlain([1], true), undefined)
})

test('a toJSON() that somebody gave to arrays or strings changes nothing', () => {
  const prototypes = [Array.prototype, String.prototype, Number.prototype] as { toJSON?: () => string }[]
  for (const prototype of prototypes) prototype.toJSON = () => 'mine'
  try {
    assert.equal(String(encodePlain([1, 'a', true, null])), '[1,"a",true,null]')
  } finally {
    for (const prototype of prototypes) delete prototype.toJSON
  }
})
