// Runs in: the test runner. Node's test runner with --require forkserver/register: its output and its exit code are
// those of plain Node, and its files run in forked processes.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const FOLDER = path.join(ROOT, 'test/fixtures/node-test')
/** The first file waits until the template is ready: the files before that run the plain way. */
const FIRST = 'a-waits.test.cjs'
const FILES = readdirSync(FOLDER).filter((name) => name !== FIRST)

const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-register-'))
after(() => rmSync(folder, { recursive: true }))
let runs = 0

interface Ran {
  exitCode: number | null
  stdout: string
  stderr: string
}

async function runTests(flags: readonly string[], files: readonly string[], env: object): Promise<Ran> {
  const { NODE_TEST_CONTEXT: _context, NODE_V8_COVERAGE: _coverage, NODE_OPTIONS: _options, ...own } = process.env
  const paths = [FIRST, ...files].map((file) => path.join(FOLDER, file))
  const args = [...flags, '--test', '--test-concurrency=1', '--test-reporter=tap', ...paths]
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...own, ...env } })
  const ran: Ran = { exitCode: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (ran.stdout += chunk))
  child.stderr.on('data', (chunk) => {
    ran.stderr += chunk
    if ('WAIT_FOR' in env && ran.stderr.includes('template:start')) writeFileSync(env.WAIT_FOR as string, '')
  })
  ran.exitCode = await new Promise((resolve) => child.on('close', resolve))
  return ran
}

const runPlain = (flags: readonly string[], files: readonly string[]): Promise<Ran> => runTests(flags, files, {})

/** All files but the first one in forked processes. */
async function runForked(flags: readonly string[], files: readonly string[]): Promise<Ran> {
  const env = { NODE_DEBUG: 'forkserver', WAIT_FOR: path.join(folder, String(++runs)) }
  const ran = await runTests(['--require', 'forkserver/register', ...flags], files, env)
  assert.equal(ran.stderr.match(/process:start .* startMethod=forkserver/g)?.length, files.length, ran.stderr)
  return ran
}

/** Without times, and without frames of Node: the last one says how the main module was started. */
const masked = (text: string): string =>
  text.replace(/duration_ms.*/g, 'duration_ms').replace(/^#?\s*at .*node:internal.*\n/gm, '')

async function compare(flags: readonly string[], files: readonly string[]): Promise<void> {
  const [plain, ours] = [await runPlain(flags, files), await runForked(flags, files)]
  assert.equal(masked(ours.stdout), masked(plain.stdout))
  assert.equal(ours.exitCode, plain.exitCode)
}

describe('the same output and exit code as plain node --test', () => {
  for (const file of FILES) test(file, () => compare([], [file]))
  test('all files', () => compare([], FILES))
  test('only what a pattern names', () => compare(['--test-name-pattern=adds|waits'], FILES))
  test('with a flag of V8', () => compare(['--no-deprecation'], ['passes.test.cjs', 'fails.test.cjs']))
})

test('FORKSERVER=off turns it off', async () => {
  const off = await runTests(['--require', 'forkserver/register'], FILES, {
    NODE_DEBUG: 'forkserver',
    FORKSERVER: 'off',
  })
  assert.doesNotMatch(off.stderr, /process:start|template:start/)
})
