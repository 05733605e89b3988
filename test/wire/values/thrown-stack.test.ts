// Runs in: the test process. The stack of an error from a child: the child's frames, then the owner's, readable by
// tools.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeValue, encodeValue } from '#src/wire/values/clone.js'
import { type DecodeThrownOptions, decodeThrown, encodeThrown, type ThrownData } from '#src/wire/values/thrown.js'

/** The whole way: described, encoded, decoded, rebuilt. */
function travel<T>(thrown: T, options?: DecodeThrownOptions): T {
  return decodeThrown(decodeValue(encodeValue(encodeThrown(thrown), 'thrown')) as ThrownData, options) as T
}

describe('stacks', () => {
  const ownerStack = 'Error: here\nnot a frame\n    at call (file:///owner.js:1:2)\n    at file:///owner.js:3:4'

  test("the child's, a line between, and the owner's frames", () => {
    const error = new TypeError('bad')
    const copy = travel(error, { ownerStack, where: 'child 815' })
    const between = '    at ---- in child 815, called from ----'
    const frames = '    at call (file:///owner.js:1:2)\n    at file:///owner.js:3:4'
    assert.equal(copy.stack, `${error.stack}\n${between}\n${frames}`)
    assert.equal(Object.getOwnPropertyDescriptor(copy, 'stack')?.enumerable, false)
    assert.equal(Object.getOwnPropertyDescriptor(copy, 'stack')?.writable, true)
    assert.match(travel(error, { ownerStack }).stack ?? '', /\n {4}at ---- in child, called from ----\n/)
  })

  test('every line below the message looks like a frame, and ours like one without a file', () => {
    const stack = travel(new Error('one line'), { ownerStack, where: 'child 815' }).stack ?? ''
    const lines = stack.split('\n').slice(1)
    for (const line of lines) assert.match(line, /^ {4}at /)
    // The pattern by which the usual parsers tell a frame that has a place.
    const between = lines.find((line) => line.includes('called from')) ?? assert.fail()
    assert.doesNotMatch(between, /^\s*at .*(\S+:\d+|\(native\))/)
  })

  test("causes have the child's alone, and no frames mean no line", () => {
    const error = new Error('outer', { cause: new Error('inner') })
    const copy = travel(error, { ownerStack })
    assert.equal((copy.cause as Error).stack, (error.cause as Error).stack)
    assert.equal(travel(error, { ownerStack: 'Error: nothing here' }).stack, error.stack)
    assert.equal(travel(error, { ownerStack: undefined, where: undefined }).stack, error.stack)
  })

  test('a stack that is none is made from name and message', () => {
    const error = new RangeError('far')
    Object.defineProperty(error, 'stack', { value: [1, 2] })
    assert.equal(travel(error).stack, 'RangeError: far')
    Object.defineProperty(error, 'message', { value: '' })
    assert.equal(travel(error).stack, 'RangeError')
  })
})
