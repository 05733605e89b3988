// Runs in: the test runner. What `npm run conformance` makes of test files: their comments, a small folder of them, and
// its table.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readResults } from '../../conformance/results.js'
import { describe as describeTest, findRoot } from '../../conformance/tests.js'
import { watchLeaks } from '../support/leaks.js'

const RUN = fileURLToPath(new URL('../../conformance/run.js', import.meta.url))

watchLeaks()

let folder = ''
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'conformance-'))
  mkdirSync(path.join(folder, 'test', 'common'), { recursive: true })
  mkdirSync(path.join(folder, 'test', 'parallel'))
})
after(() => rmSync(folder, { recursive: true }))

test('the comments of a test file', () => {
  const code =
    '// Copyright\n// Flags: --expose-gc --require ./a.js -r b --import=c --x="d e"\n' +
    '// Env: A=1=2 B=\n// Flags: --last\n'
  assert.deepEqual(describeTest('parallel/test-x.js', code), {
    name: 'parallel/test-x.js',
    flags: ['--expose-gc', '--x=d e', '--last'],
    require: ['./a.js', 'b'],
    import: ['c'],
    env: { A: '1=2', B: '' },
  })
  assert.deepEqual(describeTest('parallel/test-x.js', 'f() // Flags: --none').flags, [])
})

test('the folder is found by itself, by its test, and by what holds it', () => {
  assert.equal(findRoot(folder), folder)
  assert.equal(findRoot(path.join(folder, 'test')), folder)
  const holder = mkdtempSync(path.join(os.tmpdir(), 'conformance-'))
  mkdirSync(path.join(holder, 'node-v1', 'test', 'common'), { recursive: true })
  assert.equal(findRoot(holder), path.join(holder, 'node-v1'))
  rmSync(holder, { recursive: true })
  assert.equal(findRoot(path.join(folder, 'test', 'parallel', 'none')), undefined)
})

test('each verdict, with the exit code of the whole', async () => {
  const files = {
    'test-passes.js': 'require("node:assert").ok(process.cwd().length > 1)',
    'test-passes-flag.mjs': '// Flags: --expose-gc\ngc()',
    // Every second run fails: those in a child, as long as the two take turns.
    'test-fails.js': `const fs = require('node:fs'); fs.appendFileSync('turns', 'x')
      process.exit(fs.statSync('turns').size % 2 ? 0 : 3)`,
    'test-plain-fails.js': 'process.exit(1)',
    'test-not-applicable.js': '// Flags: --cpu-prof\n',
    'helper.js': 'throw new Error("not a test")',
  }
  for (const [name, code] of Object.entries(files)) writeFileSync(path.join(folder, 'test', 'parallel', name), code)
  const json = path.join(folder, 'results.jsonl')
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [RUN, '--node-tests', folder, '--json', json, ...args])
  await assert.rejects(run(), { code: 1 })
  const verdicts = Object.fromEntries(readResults([json]).map(({ name, verdict }) => [path.basename(name), verdict]))
  assert.deepEqual(verdicts, {
    'test-passes.js': 'passes',
    'test-passes-flag.mjs': 'passes',
    'test-fails.js': 'fails',
    'test-plain-fails.js': 'plain fails',
    'test-not-applicable.js': 'not applicable',
  })
  assert.equal(readResults([json]).find(({ verdict }) => verdict === 'fails')?.how, 'exit code 3')
  const { stdout } = await run('--resume')
  assert.doesNotMatch(stdout, /test-/)
})
