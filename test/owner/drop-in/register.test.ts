// Runs in: the test runner. Node's test runner with --require forkserver/register: its output and its exit code are
// those of plain Node, and its files run in forked processes.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const FOLDER = path.join(ROOT, 'test/fixtures/node-test')
const FILES = readdirSync(FOLDER).sort()

interface Ran {
  exitCode: number | null
  stdout: string
  stderr: string
}

async function runTests(flags: readonly string[], files: readonly string[], env: object = {}): Promise<Ran> {
  const { NODE_TEST_CONTEXT: _context, NODE_V8_COVERAGE: _coverage, ...own } = process.env
  const args = [...flags, '--test', '--test-reporter=tap', ...files.map((file) => path.join(FOLDER, file))]
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...own, ...env } })
  const ran: Ran = { exitCode: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (ran.stdout += chunk))
  child.stderr.on('data', (chunk) => (ran.stderr += chunk))
  ran.exitCode = await new Promise((resolve) => child.on('close', resolve))
  return ran
}

/** Without times, and without frames of Node: the last one says how the main module was started. */
const masked = (text: string): string =>
  text
    .replace(/duration_ms.*/g, 'duration_ms')
    .replace(/^\s+.*(\(|at )(node:|file:|\/|.*\.c?js:).*\n/gm, '')
    .replace(/^#?\s*at .*node:internal.*\n/gm, '')

const REGISTER = ['--require', 'forkserver/register']

describe('the same output and exit code as plain node --test', () => {
  for (const file of FILES) {
    test(file, async () => {
      // The same file several times: the first runs go the plain way, while the template starts.
      const [plain, ours] = [await runTests([], [file]), await runTests(REGISTER, [file])]
      assert.equal(masked(ours.stdout), masked(plain.stdout))
      assert.equal(ours.exitCode, plain.exitCode)
    })
  }

  test('all files, one after another, and only what a pattern names', async () => {
    for (const flags of [['--test-concurrency=1'], ['--test-concurrency=1', '--test-name-pattern=adds']]) {
      const [plain, ours] = [await runTests(flags, FILES), await runTests([...REGISTER, ...flags], FILES)]
      assert.equal(masked(ours.stdout), masked(plain.stdout))
      assert.equal(ours.exitCode, plain.exitCode)
    }
  })
})

test('the files run in forked processes once the template is ready, and in plain ones if it is off', async () => {
  const files = FILES.flatMap((file) => new Array<string>(6).fill(file)).filter((file) => file.startsWith('passes'))
  const copies = [...FILES.filter((file) => !file.startsWith('aborts')), ...files]
  const env = { NODE_DEBUG: 'forkserver' }
  const forked = await runTests([...REGISTER, '--test-concurrency=1'], copies, env)
  assert.match(forked.stderr, /process:start .* startMethod=forkserver/)
  const off = await runTests([...REGISTER, '--test-concurrency=1'], copies, { ...env, FORKSERVER: 'off' })
  assert.doesNotMatch(off.stderr, /process:start|template:start/)
})
