// Runs in: the test runner. A terminal that a child shares with its owner is left in the mode that it had, however the
// child ends.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { TerminalReport } from '../fixtures/contract/terminal-owner.js'
import { QUESTION, WAYS_OUT, type WayOut } from '../fixtures/contract/touches.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const OWNER = fileURLToPath(new URL('../fixtures/contract/terminal-owner.js', import.meta.url))
/** What is typed when the process asks. */
const ANSWER = 'a line\n'
const hasScript = spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0

describe('a terminal', { skip: !hasScript && 'script(1) makes the terminal, and is not here' }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-terminal-'))
  after(() => rmSync(folder, { recursive: true }))
  let reports: Record<'forkserver' | 'spawn', TerminalReport>
  before(async () => {
    const file = path.join(folder, 'report.json')
    const command = `'${process.execPath}' '${OWNER}' '${file}'`
    const terminal = spawn('script', ['-qec', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: 120_000,
    })
    terminal.stdout.on('data', (text: Buffer) => {
      if (text.includes(QUESTION)) terminal.stdin.write(ANSWER)
    })
    const [exitCode] = await once(terminal, 'close')
    assert.equal(exitCode, 0, 'the owner in the terminal failed')
    reports = JSON.parse(readFileSync(file, 'utf8')) as typeof reports
  })

  for (const startMethod of ['forkserver', 'spawn'] as const) {
    for (const way of Object.keys(WAYS_OUT) as WayOut[]) {
      test(`has its mode back: a child in raw mode ${way}, ${startMethod}`, () => {
        const report = reports[startMethod]
        assert.match(report.before, /^isig icanon echo$/)
        assert.equal(report.after[way], report.before)
      })
    }

    test(`can be read by a process with killTree, which is not stopped for that: ${startMethod}`, () => {
      assert.equal(reports[startMethod].killTree, String(ANSWER.length))
    })
  }

  test('keeps the mode that a sibling gave it, when a child ends that did not change it', () => {
    assert.equal(reports.forkserver.keepsRaw, true)
  })
})
