// Runs in: the test runner. Tools that start processes by fork(), with forkserver/register: what they print is what
// they print without it, and processes are forked.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const FIXTURES = fileURLToPath(new URL('../../../../test/fixtures/drop-in/', import.meta.url))
const REGISTER = createRequire(import.meta.url).resolve('forkserver/register')
const LIMIT_MS = 240_000

const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-tools-'))
after(() => rmSync(folder, { recursive: true }))

interface Ran {
  exitCode: number | null
  stdout: string
  /** How many processes were forked. */
  forked: number
}

async function run(args: readonly string[], cwd: string, mode: 'plain' | 'forked'): Promise<Ran> {
  const waitFor = path.join(folder, path.basename(args.at(-1)!))
  const env = mode === 'plain' ? { FORKSERVER: 'off' } : { NODE_DEBUG: 'forkserver', WAIT_FOR: waitFor }
  const child = spawn(process.execPath, ['--require', REGISTER, ...args], {
    cwd,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, CI: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    if (mode === 'forked' && stderr.includes('template:start')) writeFileSync(waitFor, '')
  })
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { exitCode, stdout, forked: stderr.match(/process:start .* startMethod=forkserver/g)?.length ?? 0 }
}

/** How many processes are forked at least is what the tool starts when a template is ready. */
async function compare(args: readonly string[], cwd: string, forked: number, mask = (text: string) => text) {
  const [plain, ours] = [await run(args, cwd, 'plain'), await run(args, cwd, 'forked')]
  assert.equal(mask(ours.stdout), mask(plain.stdout))
  assert.notEqual(plain.stdout, '')
  assert.equal(ours.exitCode, plain.exitCode)
  assert.equal(plain.forked, 0)
  assert.ok(ours.forked >= forked, `${ours.forked} processes were forked`)
}

for (const [tool, forked] of [
  ['tinypool', 8],
  ['workerpool', 4],
  ['jest-worker', 2],
] as const)
  test(`${tool} returns and throws the same`, { timeout: LIMIT_MS }, () =>
    compare([path.join(FIXTURES, 'pools.mjs'), tool], FIXTURES, forked),
  )

test('ava prints the same', { timeout: 2 * LIMIT_MS }, async () => {
  const project = path.join(folder, 'ava')
  cpSync(path.join(FIXTURES, 'ava'), project, { recursive: true })
  const install = ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--silent']
  await promisify(execFile)('npm', install, { cwd: project, timeout: LIMIT_MS })
  const ava = path.join(project, 'node_modules', 'ava', 'entrypoints', 'cli.mjs')
  const files = ['a.mjs', 'b.mjs', 'c.mjs', 'd.mjs', 'e.mjs']
  const withoutNode = (text: string): string =>
    text.replace(/^.*node:internal.*\n/gm, '').replace(/ ?\([\d.]+m?s\)/g, '')
  await compare([ava, '--no-worker-threads', '--concurrency=1', ...files], project, 3, withoutNode)
})
