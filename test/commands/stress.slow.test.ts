// Runs in: the test runner. The short version of the stress matrix: every cell, three kinds of templates, 150 children
// each. Zero hangs and zero wrong exits; the long version's table is in docs/FORK_SAFETY.md.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { CellResult } from '../../stress/stress.js'
import { watchLeaks } from '../support/leaks.js'

const STRESS = fileURLToPath(new URL('../../stress/stress.js', import.meta.url))
/** FORKSERVER_STRESS_FORKS changes it: CI runs fewer. */
const FORKS = Number(process.env.FORKSERVER_STRESS_FORKS ?? 150)

watchLeaks()

for (const template of ['idle', 'busy', 'large']) {
  test(`${FORKS} children in each cell, template: ${template}`, async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'stress-'))
    const file = path.join(folder, 'results.jsonl')
    try {
      await promisify(execFile)(process.execPath, [
        STRESS,
        '--forks',
        String(FORKS),
        '--templates',
        template,
        '--json',
        file,
      ])
      const results = readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as CellResult)
      assert.equal(results.length, 9)
      for (const { cell, forks, hangs, wrongExits } of results)
        assert.deepEqual({ cell, forks, hangs, wrongExits }, { cell, forks: FORKS, hangs: 0, wrongExits: 0 })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
