// Runs in: the test runner. One listener for each signal, whoever listens.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { onAbort } from '#src/promises/abort-listeners.js'

test('a signal has one listener, however many wait for it, and none when nobody does', () => {
  const { signal } = new AbortController()
  for (let round = 0; round < 2; round++) {
    const forgets = Array.from({ length: 40 }, () => onAbort(signal, () => {}))
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    for (const forget of forgets) {
      forget()
      forget()
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  }
})

test('all are told, once; who was taken away is not, even by another one', () => {
  const controller = new AbortController()
  const told: string[] = []
  const same = (): void => void told.push('same')
  onAbort(controller.signal, same)
  onAbort(controller.signal, same)
  onAbort(controller.signal, () => {
    told.push('first')
    forgetLater()
  })
  const forgetLater = onAbort(controller.signal, () => told.push('later'))
  const forget = onAbort(controller.signal, () => told.push('never'))
  forget()
  controller.abort()
  controller.abort()
  assert.deepEqual(told, ['same', 'same', 'first'])
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  forgetLater()
})

test('signals do not share listeners', () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const told: string[] = []
  onAbort(one.signal, () => told.push('one'))
  const forget = onAbort(other.signal, () => told.push('other'))
  one.abort()
  assert.deepEqual(told, ['one'])
  forget()
})
