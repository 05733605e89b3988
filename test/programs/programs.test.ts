// Runs in: the test runner. Each program of test/fixtures/programs is run by plain node and by a forked child as its
// main, and nobody can tell from outside which was which: output, exit code, signal, files.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { ForkServer } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'
import { applies, listCases } from '../support/programs.js'
import { ENVIRONMENT, runProgram } from '../support/run-program.js'
import { KNOWN } from './known.js'

watchLeaks()

const cases = listCases()
const folder = mkdtempSync(path.join(os.tmpdir(), 'programs-'))
const servers = new Map<string, Promise<ForkServer>>()

/** The template for these flags: one for all programs that are run with them. */
function serverFor(flags: readonly string[]): Promise<ForkServer> {
  const key = JSON.stringify(flags)
  let server = servers.get(key)
  if (!server) servers.set(key, (server = ForkServer.start({ execArgv: flags, env: ENVIRONMENT })))
  return server
}

test('the table has at least 150 programs, and KNOWN names some of them', () => {
  assert.ok(new Set(cases.map(({ file }) => file)).size >= 150)
  const names = new Set(cases.map(({ name }) => name))
  assert.deepEqual(
    KNOWN.flatMap(({ programs }) => programs).filter((name) => !names.has(name)),
    [],
  )
})

describe('plain node and a forked child', { concurrency: 2 }, () => {
  // Of this suite, because the file's own hooks run in order, and that of watchLeaks() is the first.
  after(async () => {
    for (const server of servers.values()) await (await server).close()
    rmSync(folder, { recursive: true })
  })

  for (const [index, run] of cases.entries()) {
    const known = KNOWN.find(({ programs, isHere }) => programs.includes(run.name) && (isHere?.() ?? true))
    const title = known ? `${run.name} differs still: ${known.cause}` : run.name
    test(title, { skip: applies(run) ? false : `needs Node ${run.since}` }, async () => {
      const cwd = path.join(folder, String(index)) // the same for both, because a program may tell it
      const plain = await runProgram(run, cwd)
      assert.equal(plain.hung, false)
      const forked = await runProgram(run, cwd, await serverFor(run.flags ?? []))
      if (known) assert.notDeepEqual(forked, plain, 'it is the same now: take it out of KNOWN')
      else assert.deepEqual(forked, plain)
    })
  }
})
