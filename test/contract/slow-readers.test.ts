// Runs in: the test runner. Output that is read later than the child writes it, or when the child is gone: all of it
// arrives, however it ended.
import assert from 'node:assert/strict'
import { closeSync, readSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import type { Ending } from '../fixtures/contract/siblings.js'
import { contract } from './contract.js'

const siblings = remote<typeof import('../fixtures/contract/siblings.js')>(
  new URL('../fixtures/contract/siblings.js', import.meta.url),
)
const ENDINGS: Record<Ending, number> = { return: 0, exit: 5, throw: 1, 'exit listener': 0, 'uncaught error': 1 }
/** What a pipe of Linux holds that nobody reads. */
const PIPE_BYTES = 65_536
const found = findNative()

contract('slow readers', (site) => {
  for (const [ending, exitCode] of Object.entries(ENDINGS) as [Ending, number][]) {
    const start = async (bytes: number, stdout: 'pipe' | number): Promise<Process<typeof siblings.writeAndEnd>> => {
      const options = { server: site.server, stdio: ['ignore', stdout, 'ignore'] } as const
      const child = new Process(siblings.writeAndEnd, [bytes, ending], options)
      child.result.catch(() => {})
      return child.start()
    }

    test(`a pipe as full as it can be, read when the child is gone (${ending})`, {
      skip: 'missing' in found,
    }, async () => {
      const ends = new Int32Array(2)
      if ('native' in found) found.native.pipe(ends)
      const [readEnd, writeEnd] = ends as unknown as [number, number]
      const child = await start(PIPE_BYTES, writeEnd)
      closeSync(writeEnd)
      assert.equal((await child.join()).exitCode, exitCode)
      const bytes = Buffer.alloc(2 * PIPE_BYTES)
      let length = 0
      for (let read = 0; (read = readSync(readEnd, bytes, length, bytes.length - length, null)) > 0; ) length += read
      closeSync(readEnd)
      assert.equal(length, PIPE_BYTES)
      assert.equal(bytes[PIPE_BYTES - 1], '!'.charCodeAt(0))
    })

    // Plain Node drops what a pipe did not take at once where something else than the end of its work ends it.
    const isDropped = site.way.name === 'spawn' && (ending.includes('exit') || ending === 'uncaught error')
    const skip = isDropped ? 'plain Node drops it' : false
    test(`eight times as much, to a reader that begins late and reads slowly (${ending})`, { skip }, async () => {
      const child = await start(8 * PIPE_BYTES, 'pipe')
      child.stdout!.pause()
      await sleep(50) // the child has nothing left to do but this
      let all = ''
      for await (const chunk of child.stdout!) {
        all += chunk
        await sleep(1)
      }
      assert.equal(all.length, 8 * PIPE_BYTES)
      assert.ok(all.endsWith('x!'))
      assert.equal((await child.join()).exitCode, exitCode)
    })
  }

  test('a reader that is gone, and one that never reads, keep nobody', {
    skip: site.way.name !== 'forkserver',
  }, async () => {
    const options = { server: site.server, stdio: ['ignore', 'pipe', 'ignore'] } as const
    const [gone, idle] = [1, 2].map(() => new Process(siblings.writeAndEnd, [8 * PIPE_BYTES, 'exit'], options))
    await Promise.all([gone!.start(), idle!.start()])
    gone!.stdout!.destroy()
    idle!.stdout!.pause()
    const exits = await Promise.all([gone!.join(), idle!.join()])
    assert.deepEqual(
      exits.map(({ exitCode }) => exitCode),
      [5, 5],
    )
    idle!.stdout!.destroy()
  })
})
