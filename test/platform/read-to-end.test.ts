// Runs in: the test runner. The last word of a peer that is gone is read, though something is still to be written to
// it.
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { native } from '#src/platform/native.js'
import { readToTheEnd } from '#src/platform/read-to-end.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

/**
 * What is read from a peer that said `lastWord` and is gone, where the socket writes `chunks` now and once more a turn
 * later.
 */
async function readFromGone(prepare: (socket: Socket) => Socket, lastWord: string, chunks: Buffer[]): Promise<string> {
  const ends = new Int32Array(2)
  assert.equal(native().socketPair(ends), 0)
  const socket = prepare(new Socket({ fd: ends[0]!, readable: true, writable: true, allowHalfOpen: true }))
  writeSync(ends[1]!, lastWord)
  native().close(ends[1]!)
  let read = ''
  socket.on('data', (chunk: Buffer) => {
    read += chunk
  })
  socket.on('end', () => socket.destroy())
  socket.on('error', () => {})
  for (const chunk of chunks) socket.write(chunk)
  setImmediate(() => socket.write('too late'))
  await new Promise((resolve) => socket.once('close', resolve))
  return read
}

describe('readToTheEnd()', () => {
  const word = 'w'.repeat(100_000)

  test('one write, many in a row, and a large one', async () => {
    assert.equal(await readFromGone(readToTheEnd, word, [Buffer.from('job')]), word)
    assert.equal(await readFromGone(readToTheEnd, word, [Buffer.from('head'), Buffer.from('job')]), word)
    assert.equal(await readFromGone(readToTheEnd, word, [Buffer.alloc(4_000_000)]), word)
    assert.equal(await readFromGone(readToTheEnd, word, Array(20).fill(Buffer.alloc(500_000))), word)
  })

  test('a plain socket loses it: why this exists', async () => {
    assert.equal(await readFromGone((socket) => socket, word, [Buffer.from('job')]), '')
  })
})
