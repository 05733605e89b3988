// Runs in: the test runner. Which clients may begin a handshake, and which one makes room.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Admission, UNDISTURBED_MS } from '#src/wire/auth/admission.js'

const MAX = 3

function filled(): Admission<string> {
  const admission = new Admission<string>(MAX)
  for (const [index, name] of ['a', 'b', 'c'].entries()) admission.add(name, index * 10)
  return admission
}

describe('admission to a handshake', () => {
  test('is free while there is room', () => {
    const admission = new Admission<string>(MAX)
    assert.equal(admission.acceptsFrom, 0)
    admission.add('a', 5)
    admission.add('b', 6)
    assert.equal(admission.acceptsFrom, 0)
    assert.equal(admission.inTheWay, undefined)
  })

  test('waits for the oldest to have had its time, and only then names it', () => {
    const admission = filled()
    assert.equal(admission.acceptsFrom, UNDISTURBED_MS)
    assert.equal(admission.inTheWay, 'a')
    admission.remove('a')
    admission.add('d', 30)
    assert.equal(admission.acceptsFrom, 10 + UNDISTURBED_MS)
  })

  test('disturbs nobody while clients prove themselves', () => {
    const admission = filled()
    admission.proved('b', 500)
    admission.add('d', 501)
    assert.equal(admission.acceptsFrom, 500 + UNDISTURBED_MS)
    assert.equal(admission.inTheWay, 'a')
  })

  test('is free again when one is proved or gone', () => {
    const admission = filled()
    admission.remove('b')
    assert.equal(admission.acceptsFrom, 0)
    assert.equal(admission.inTheWay, undefined)
  })

  test('knows who is late', () => {
    const admission = filled()
    assert.deepEqual(admission.hereSince(10), ['a', 'b'])
    assert.equal(admission.oldestSince, 0)
    assert.equal(new Admission<string>(MAX).oldestSince, Number.POSITIVE_INFINITY)
  })
})
