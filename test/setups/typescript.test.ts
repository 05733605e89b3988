// Runs in: the test runner. Programs in TypeScript that nobody compiled before: tsx compiles the owner, the preload,
// and what a child imports later.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { ROOT, runSetup } from './owner.js'

watchLeaks()

const FOLDER = path.join(ROOT, 'test', 'fixtures', 'setups', 'typescript')
/** tsx keeps what it compiled in the folder for temporary files. An empty one is a cold cache. */
const cache = mkdtempSync(path.join(os.tmpdir(), 'setups-'))
after(() => rmSync(cache, { recursive: true, force: true }))

/** tsx has its hooks in a thread, unless Node has module.registerHooks(). */
const startMethod = Number(process.versions.node.split('.')[0]) >= 22 ? 'forkserver' : 'spawn'

for (const flags of [
  ['--import', 'tsx'],
  ['--require', 'tsx/cjs', '--import', 'tsx/esm'],
]) {
  describe(`node ${flags.join(' ')} app.ts, with enums and path aliases`, () => {
    const TMPDIR = path.join(cache, flags[0]!)
    mkdirSync(TMPDIR)
    for (const state of ['cold', 'warm']) {
      test(`works with a ${state} cache`, async () => {
        const told = await runSetup(['app.ts'], {
          flags,
          cwd: FOLDER,
          env: { TMPDIR },
        })
        assert.deepEqual(told, { startMethod, results: ['Red', 'Green'] })
      })
    }
  })
}
