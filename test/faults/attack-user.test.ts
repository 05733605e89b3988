// Runs in: the test runner. A program of another user that has the address and even the key: it is refused before it is
// told anything. Needs to be root, to become that user.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ForkServer, Process, remote } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'
import { runProgram } from './owner.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const STRANGER = fileURLToPath(new URL('../fixtures/faults/stranger.js', import.meta.url))
const STRANGERS_UID = 61_234
const skip = process.getuid!() !== 0 && 'only root can become another user'

describe('a program of another user', { skip }, () => {
  for (const transport of ['path', 'abstract'] as const) {
    test(`with address and key, transport ${transport}: refused without a word`, async () => {
      await using server = await ForkServer.start({ transport, preload: [jobs.module] })
      const plan = JSON.stringify([server.address, server.key!.export().toString('hex'), STRANGERS_UID])
      const program = runProgram(process.execPath, [STRANGER, plan])
      const line = await program.nextLine()
      assert.ok(line, (await program.ended).stderr)
      const expected =
        transport === 'path'
          ? { code: 'ERR_CONNECT', raw: 'unreachable' }
          : { code: 'ERR_PEER_REFUSED', raw: 'was told nothing' }
      assert.deepEqual(JSON.parse(line), expected)
      await program.ended
      const p = await new Process(jobs.echo, ['here'], { server }).start()
      assert.equal(await p.result, 'here')
    })
  }
})
