// Runs in: the test runner. Processes that listen at one socket file in the same moment: one of them does, and it is
// the one that clients reach.
import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isErrno } from '#src/platform/native.js'
import { listenReplacingStale } from '#src/platform/stale-socket.js'
import { type RunningProgram, runProgram } from '../faults/owner.js'
import { addon, temporary } from '../support/connections.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const PROGRAM = fileURLToPath(new URL('../fixtures/connection/listen-together.js', import.meta.url))
const ROUNDS = 300
const IN_USE = -os.constants.errno.EADDRINUSE

async function tell(program: RunningProgram, line: string): Promise<number> {
  program.process.stdin!.write(`${line}\n`)
  return Number(await program.nextLine())
}

describe('listenReplacingStale()', { skip: !addon }, () => {
  test('two processes at one stale file: one listens, and is reached', async (context) => {
    const { folder, remove } = temporary()
    const name = path.join(folder, 'socket')
    closeSync(listenReplacingStale(addon!, { name, isAbstract: false, backlog: 1 })) // the file stays
    const programs = [0, 1].map(() => runProgram(process.execPath, [PROGRAM, name]))
    context.after(() => {
      for (const program of programs) program.process.kill()
    })
    for (let round = 0; round < ROUNDS; round++) {
      const moment = String(Date.now() + 5)
      const results = await Promise.all(programs.map((program) => tell(program, moment)))
      const fd = addon!.connect(Buffer.from(name), 0)
      assert.ok(fd >= 0, `round ${round}: nobody answers, after ${results}`)
      addon!.close(fd)
      const losers = results.filter((result) => result < 0)
      assert.deepEqual(losers, [IN_USE], `round ${round}: ${results}`)
      await Promise.all(programs.map((program) => tell(program, 'close')))
    }
    for (const program of programs) program.process.stdin!.end()
    for (const program of programs) assert.equal((await program.ended).exitCode, 0)
    remove()
  })

  test('a lock that is held for long is not waited for', () => {
    const { folder, remove } = temporary()
    const lock = addon!.lockFolder(Buffer.from(`${folder}\0`))
    assert.ok(lock >= 0)
    assert.ok(isErrno(addon!.lockFolder(Buffer.from(`${folder}\0`)), 'EWOULDBLOCK'))
    const fd = listenReplacingStale(addon!, { name: path.join(folder, 'socket'), isAbstract: false, backlog: 1 })
    assert.ok(fd >= 0)
    for (const open of [lock, fd]) closeSync(open)
    remove()
  })

  test('a path without a zero is refused, and a file is no folder', () => {
    assert.ok(isErrno(addon!.lockFolder(Buffer.from('/tmp')), 'EINVAL'))
    assert.ok(isErrno(addon!.lockFolder(Buffer.alloc(0)), 'EINVAL'))
    assert.ok(isErrno(addon!.lockFolder(Buffer.from('/dev/null\0')), 'ENOTDIR'))
  })
})
