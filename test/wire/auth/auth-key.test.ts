// Runs in: the test runner. src/wire/auth/auth-key.ts: a key does not leave by printing, by JSON, or by cloning.

import assert from 'node:assert/strict'
import { Console } from 'node:console'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { format, inspect } from 'node:util'
import { serialize } from 'node:v8'
import { MessageChannel } from 'node:worker_threads'
import { AuthKey, MIN_KEY_BYTES } from '#src/wire/auth/auth-key.js'

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef')

const cannotClone = { name: 'UsageError', code: 'ERR_CANNOT_CLONE' }
const invalidArgument = { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' }
const invalidState = { name: 'UsageError', code: 'ERR_INVALID_STATE' }

describe('making a key', () => {
  test('generate() makes a new one each time', () => {
    const [one, two] = [AuthKey.generate().export(), AuthKey.generate().export()]
    assert.equal(one.length, MIN_KEY_BYTES)
    assert.notDeepEqual(one, two)
  })

  test('from() copies', () => {
    const bytes = Buffer.from(SECRET)
    const key = AuthKey.from(bytes)
    bytes.fill(0)
    assert.deepEqual(key.export(), SECRET)
    assert.deepEqual(AuthKey.from(new Uint8Array(100)).export(), Buffer.alloc(100))
  })

  test('from() refuses what is short, and what is no bytes', () => {
    assert.throws(() => AuthKey.from(SECRET.subarray(1)), invalidArgument)
    assert.throws(() => AuthKey.from(new Uint8Array(0)), invalidArgument)
    for (const value of ['0123456789abcdef0123456789abcdef', undefined, { length: 32 }]) {
      // @ts-expect-error: what a caller without types may do
      assert.throws(() => AuthKey.from(value), invalidArgument)
    }
  })

  test('its own memory is not a slice of the pool that Buffers share', () => {
    for (const bytes of [
      AuthKey.from(SECRET).borrowBytes(),
      AuthKey.from(SECRET).export(),
      AuthKey.generate().export(),
    ]) {
      assert.equal(bytes.buffer.byteLength, bytes.length)
    }
  })
})

describe('using a key', () => {
  test('export() is a copy, borrowBytes() is the secret itself', () => {
    const key = AuthKey.from(SECRET)
    key.export().fill(0)
    assert.deepEqual(Buffer.from(key.borrowBytes()), SECRET)
    assert.equal(key.borrowBytes(), key.borrowBytes())
  })

  test('destroy() zeroes the secret, may be repeated, and ends all use', () => {
    const key = AuthKey.from(SECRET)
    const bytes = key.borrowBytes()
    key.destroy()
    key.destroy()
    assert.ok(bytes.every((byte) => byte === 0))
    assert.throws(() => key.borrowBytes(), invalidState)
    assert.throws(() => key.export(), invalidState)
    assert.equal(String(key), '[key]')
  })
})

describe('a key does not leave by accident', () => {
  test('it prints as [key]', () => {
    const key = AuthKey.from(SECRET)
    assert.equal(String(key), '[key]')
    assert.equal(`${key}`, '[key]')
    assert.equal(JSON.stringify({ key }), '{"key":"[key]"}')
    assert.equal(inspect(key), '[key]')
    assert.equal(
      inspect({ key, list: [key] }, { depth: 9, showHidden: true }),
      '{ key: [key], list: [ [key], [length]: 1 ] }',
    )
    assert.equal(format('%s %o %O %j', key, key, key, key), '[key] [key] [key] "[key]"')
  })

  test('console.log() prints it, and does not fail', () => {
    const stdout = new PassThrough()
    new Console({ stdout }).log({ key: AuthKey.from(SECRET) })
    assert.equal(String(stdout.read()), '{ key: [key] }\n')
  })

  test('even without inspect.custom nothing of the secret is shown', () => {
    for (const options of [
      { customInspect: false, showHidden: true },
      { customInspect: false, getters: true },
    ]) {
      const shown = inspect(AuthKey.from(SECRET), options)
      assert.ok(!shown.includes('30 31 32') && !shown.includes('0123456789'), shown)
    }
  })

  test('it cannot be cloned, serialised or posted, not even within something else', () => {
    const key = AuthKey.from(SECRET)
    const { port1, port2 } = new MessageChannel()
    for (const value of [key, { key }, [[key]], new Map([['key', key]])]) {
      assert.throws(() => structuredClone(value), cannotClone)
      assert.throws(() => serialize(value), cannotClone)
      assert.throws(() => port1.postMessage(value), cannotClone)
    }
    port1.close()
    port2.close()
  })

  test('it cannot be spread into an object that looks like one', () => {
    assert.throws(() => ({ ...AuthKey.from(SECRET) }), cannotClone)
  })
})
