// Runs in: the test runner. Whole owners: scripts that run processes and must end by themselves, with nothing left
// behind.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { watchLeaks } from '../support/leaks.js'
import { waysFor } from '../support/servers.js'
import { HANG_MS, read } from './contract.js'

const OWNER = fileURLToPath(new URL('../fixtures/contract/owner.js', import.meta.url))

watchLeaks()

interface Ended {
  exitCode: number | null
  stdout: string
  stderr: string
}

async function own(scenario: string, wayName: string, stdin = ''): Promise<Ended> {
  const owner = spawn(process.execPath, [OWNER, scenario, wayName], { stdio: 'pipe' })
  owner.stdin.on('error', () => {}) // not every scenario reads it
  owner.stdin.end(stdin)
  const ended = new Promise<number | null>((resolve) => owner.on('exit', resolve))
  const [stdout, stderr, exitCode] = await Promise.all([read(owner.stdout), read(owner.stderr), ended])
  return { exitCode, stdout, stderr }
}

for (const wayName of ['default', ...waysFor({ onTransports: true }).map(({ name }) => name)]) {
  describe(`an owner: ${wayName}`, { timeout: HANG_MS }, () => {
    const check = async (scenario: string, stdout: string, stderr: string, stdin?: string): Promise<void> => {
      assert.deepEqual(await own(scenario, wayName, stdin), { exitCode: 0, stdout, stderr })
    }

    test('ends by itself when all is done', () => check('result', '[1,"two"]\n', ''))
    test('stdio is inherited by default', () => check('inherit', 'to stdout\n', 'to stderr\n'))
    test('stdin is inherited, too', () => check('inheritStdin', 'FROM OUTSIDE', '', 'from outside'))
    test('stdout and stderr may change places', () => check('swap', 'to stderr\n', 'to stdout\n'))
    test('its own streams may be passed', () => check('streams', 'to stderr\n', 'to stdout\n'))
    test('waits for a process that nobody joins', () => check('unawaited', 'to stdout\n', 'to stderr\n'))
    test('is not kept alive by pipes that nobody read', () => check('pipes', '', ''))
  })
}
