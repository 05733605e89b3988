// Runs in: the test runner. A program that is debugged or profiled keeps forking: its template is started without those
// flags, and one warning says so.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { runOwner, warningsOf } from './owner.js'

watchLeaks()

const folder = mkdtempSync(path.join(os.tmpdir(), 'setups-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/**
 * A module like the one by which an editor attaches its debugger: it opens the inspector in every Node that loads
 * it.
 */
function attachingModule(...names: string[]): string {
  const file = path.join(folder, ...names)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, "require('node:inspector').open(0, '127.0.0.1')\n")
  return file
}

const vscode = attachingModule('with space', 'ms-vscode.js-debug', 'src', 'bootloader.js')
const jetbrains = attachingModule('plugins', 'javascript-debugger', 'debugConnector.js')

describe('a debugger', () => {
  for (const [name, setup] of [
    ['--inspect', { flags: ['--inspect=0'] }],
    ['--inspect-port with its value apart', { flags: ['--inspect', '--inspect-port', '0'] }],
    ['--inspect in NODE_OPTIONS', { env: { NODE_OPTIONS: '--inspect=0 --stack-trace-limit=20' } }],
    ['Visual Studio Code', { env: { NODE_OPTIONS: ` --require "${vscode}"  --inspect-publish-uid=http` } }],
    ['a JetBrains IDE', { env: { NODE_OPTIONS: `--require=${jetbrains}` } }],
  ] as const) {
    test(`by ${name}: jobs are forked without it, and one warning says how to debug them`, async () => {
      const told = await runOwner({ servers: 2 }, setup)
      assert.equal(told.startMethod, 'forkserver', JSON.stringify(told))
      const texts = warningsOf(told, 'FORKSERVER_INSPECT')
      assert.equal(texts.length, 1)
      assert.match(texts[0]!, /inspector\.open\(0\)/)
      assert.equal(told.child?.inspector, null)
      assert.deepEqual(told.child?.execArgv, [])
      // What a job starts itself is debugged, as it is without forkserver.
      assert.equal(told.child?.nodeOptions, ('env' in setup && setup.env.NODE_OPTIONS) || null)
    })
  }

  test('the start method spawn hands NODE_OPTIONS on: the editor attaches to jobs by itself', async () => {
    const env = { NODE_OPTIONS: `--require "${vscode}"` }
    const told = await runOwner({ options: { startMethod: 'spawn' } }, { env })
    assert.match(told.child?.inspector ?? '', /^ws:/)
    assert.deepEqual(warningsOf(told, 'FORKSERVER_INSPECT'), [])
  })

  test('the start method spawn takes --inspect=0 as an option, and each job can be debugged', async () => {
    const told = await runOwner({ options: { startMethod: 'spawn', execArgv: ['--inspect=0'] } })
    assert.match(told.child?.inspector ?? '', /^ws:/)
  })
})

test('a profiler of the owner profiles the owner alone, and one warning says so', async () => {
  const told = await runOwner({ servers: 2 }, { flags: ['--cpu-prof', '--cpu-prof-dir', folder], cwd: folder })
  assert.equal(told.startMethod, 'forkserver', JSON.stringify(told))
  assert.deepEqual(told.child?.execArgv, [])
  assert.equal(warningsOf(told, 'FORKSERVER_PROFILE').length, 1)
})

test('other flags of the owner hold for its children, too, unless the option execArgv replaces them', async () => {
  const flags = ['--stack-trace-limit=7', '--require', markingModule()]
  for (const startMethod of ['forkserver', 'spawn'] as const) {
    const inherited = await runOwner({ options: { startMethod } }, { flags })
    assert.deepEqual([inherited.child?.execArgv, inherited.child?.marks], [flags, ['required']])
    const replaced = await runOwner({ options: { startMethod, execArgv: ['--stack-trace-limit=8'] } }, { flags })
    assert.deepEqual([replaced.child?.execArgv, replaced.child?.marks], [['--stack-trace-limit=8'], []])
  }
})

/** A module that leaves a mark in every process that loads it. */
function markingModule(): string {
  const file = path.join(folder, 'marks.cjs')
  writeFileSync(file, "globalThis.marks = ['required']\n")
  return file
}
