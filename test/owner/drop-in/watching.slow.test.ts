// Runs in: the test runner. node --test --watch with forkserver/register: each change of a file that a test file has
// loaded by require() runs it anew, as without.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const REGISTER = createRequire(import.meta.url).resolve('forkserver/register')
const LIMIT_MS = 120_000

const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-watching-')))
after(() => rmSync(folder, { recursive: true }))

const TEST = `
  const test = require('node:test')
  test('tells', () => console.log('version ' + require('./dep.cjs') + ';'))`

test('a changed dependency runs the test file anew, again and again', { timeout: 2 * LIMIT_MS }, async () => {
  const dependency = path.join(folder, 'dep.cjs')
  mkdirSync(path.join(folder, 'node_modules'))
  writeFileSync(path.join(folder, 'package-lock.json'), '{}')
  writeFileSync(path.join(folder, 'a.test.cjs'), TEST)
  writeFileSync(dependency, 'module.exports = 1')
  const args = ['--require', REGISTER, '--test', '--watch', '--test-reporter=tap', 'a.test.cjs']
  const { NODE_TEST_CONTEXT: _context, NODE_V8_COVERAGE: _coverage, NODE_OPTIONS: _options, ...env } = process.env
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  let shown = ''
  let version = 1
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk
    if (!shown.includes(`version ${version};`)) return
    if (version === 4) return void child.kill('SIGTERM')
    version++
  })
  // Again and again: the watcher hears of the files of a process when the process has loaded them, and forgets changes
  // for a moment.
  const change = setInterval(() => {
    if (version > 1) writeFileSync(dependency, `module.exports = ${version}`)
  }, 1_500)
  await closed
  clearInterval(change)
  clearTimeout(timer)
  assert.equal(version, 4, shown)
  assert.match(shown, /version 1;.*version 2;.*version 3;.*version 4;/s)
})
