// Runs in: the test runner. All job channels of an owner share the memory that they read into: what came on one stays
// as it was when more comes.
import assert from 'node:assert/strict'
import { closeSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { socketPair } from '#src/owner/launch/child-stdio.js'
import type { ControlConnection } from '#src/owner/launch/control-connection.js'
import { OwnChannel } from '#src/owner/launch/own-channel.js'
import { findNative } from '#src/platform/native.js'
import { encodeFrame } from '#src/wire/frames.js'
import { encodeChildMessage } from '#src/wire/job.js'
import { until, watchLeaks } from '../../support/leaks.js'

const found = findNative()
assert.ok('native' in found)
const { native } = found
const connection = { sharesPids: false } as unknown as ControlConnection

/** A channel, the child's end of it, and what the child has said on it. */
function open(): { channel: OwnChannel; childFd: number; heard: Buffer[] } {
  const [ownFd, childFd] = socketPair(native)
  const channel = new OwnChannel(native, connection, ownFd, { killTree: false })
  const heard: Buffer[] = []
  channel.reader.listen({
    onMessage: (message) => message.kind === 'result' && heard.push(message.value),
    onBroken: (error) => assert.fail(error),
    onEnd: () => {},
  })
  return { channel, childFd, heard }
}

const resultOf = (letter: string, bytes: number): Buffer => encodeChildMessage('result', Buffer.alloc(bytes, letter))

watchLeaks()

test('messages of two children, in pieces, at once and one after the other', async () => {
  const [one, other] = [open(), open()]
  const [first, second] = [encodeFrame(resultOf('a', 5_000)), encodeFrame(resultOf('b', 5_000))]
  writeSync(one.childFd, first.subarray(0, 2_000))
  writeSync(other.childFd, second.subarray(0, 3_000))
  await new Promise((resolve) => setTimeout(resolve, 20))
  writeSync(other.childFd, second.subarray(3_000))
  writeSync(one.childFd, Buffer.concat([first.subarray(2_000), encodeFrame(resultOf('c', 10))]))
  assert.ok(await until(() => one.heard.length === 2 && other.heard.length === 1))
  writeSync(other.childFd, encodeFrame(resultOf('d', 6_000)))
  assert.ok(await until(() => other.heard.length === 2))
  assert.deepEqual(one.heard, [Buffer.alloc(5_000, 'a'), Buffer.alloc(10, 'c')])
  assert.deepEqual(other.heard, [Buffer.alloc(5_000, 'b'), Buffer.alloc(6_000, 'd')])
  for (const { channel, childFd } of [one, other]) {
    closeSync(childFd)
    await channel.reader.ended
    assert.ok(channel.socket.destroyed)
  }
})

test('what is no message ends the channel', async () => {
  const [ownFd, childFd] = socketPair(native)
  const { reader, socket } = new OwnChannel(native, connection, ownFd, { killTree: false })
  const broken = new Promise<Error>((resolve) => {
    reader.listen({ onMessage: () => {}, onBroken: resolve, onEnd: () => {} })
  })
  writeSync(childFd, encodeFrame(Buffer.from([99])))
  assert.match((await broken).message, /not a message of the job channel/)
  await reader.ended
  assert.ok(socket.destroyed)
  closeSync(childFd)
})
