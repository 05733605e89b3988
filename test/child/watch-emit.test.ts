// Runs in: the test runner. Events of `process` are seen from the outermost call of emit, also if packages replace
// emit.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { type EmitWatcher, watchEmit } from '#src/child/watch-emit.js'

function watched(): { self: EventEmitter; calls: string[] } {
  const self = new EventEmitter()
  const calls: string[] = []
  const watcher: EmitWatcher = {
    before: (event, argument) => calls.push(`before ${String(event)} ${String(argument)}`),
    after: (event, argument) => calls.push(`after ${String(event)} ${String(argument)}`),
    threw: (event) => calls.push(`threw ${String(event)}`),
  }
  watchEmit(self, watcher)
  return { self, calls }
}

test('before and after the listeners, and what emit returns stays', () => {
  const { self, calls } = watched()
  self.on('exit', () => calls.push('listener'))
  assert.equal(self.emit('exit', 3), true)
  assert.equal(self.emit('other'), false)
  assert.deepEqual(calls, [
    'before exit 3',
    'listener',
    'after exit 3',
    'before other undefined',
    'after other undefined',
  ])
})

test('a listener that throws: the error passes through, and is seen once', () => {
  const { self, calls } = watched()
  const error = new Error('on purpose')
  self.on('exit', () => {
    throw error
  })
  assert.throws(() => self.emit('exit'), error)
  assert.deepEqual(calls, ['before exit undefined', 'threw exit'])
})

test('a replacement is inside: what it does after the listeners is done before `after`', () => {
  const { self, calls } = watched()
  const original = self.emit
  self.emit = function (this: EventEmitter, ...args: [string]) {
    calls.push('replacement begins')
    const had = original.apply(this, args)
    calls.push('replacement ends')
    return had
  }
  self.emit('exit')
  assert.deepEqual(calls, ['before exit undefined', 'replacement begins', 'replacement ends', 'after exit undefined'])
})

test('a replacement that catches an error: the program goes on, and nothing is seen of it', () => {
  const { self, calls } = watched()
  const original = self.emit
  self.emit = function (this: EventEmitter, ...args: [string]) {
    try {
      return original.apply(this, args)
    } catch {
      return true
    }
  }
  self.on('exit', () => {
    throw new Error('on purpose')
  })
  assert.equal(self.emit('exit'), true)
  assert.deepEqual(calls, ['before exit undefined', 'after exit undefined'])
})

test('putting the first emit back takes a replacement off', () => {
  const { self, calls } = watched()
  const original = self.emit
  self.emit = () => {
    calls.push('replaced')
    return false
  }
  self.emit('a')
  self.emit = original
  self.emit('b')
  assert.equal(self.emit, original)
  assert.deepEqual(calls, [
    'before a undefined',
    'replaced',
    'after a undefined',
    'before b undefined',
    'after b undefined',
  ])
})

test('emit looks as before: its name and length, and no program finds it in a loop over the keys', () => {
  const { self } = watched()
  assert.deepEqual(
    [self.emit.name, self.emit.length],
    [EventEmitter.prototype.emit.name, EventEmitter.prototype.emit.length],
  )
  assert.ok(!Object.keys(self).includes('emit'))
})
