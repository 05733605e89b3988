// Runs in: the test runner. Node's test runner with --require forkserver/register: its output and its exit code are
// those of plain Node, and its files run in forked processes.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import * as nodeTest from 'node:test'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const FOLDER = path.join(ROOT, 'test/fixtures/node-test')
/** The first file waits until the template is ready: the files before that run the plain way. */
const FIRST = 'a-waits.test.cjs'
const REGISTER = createRequire(import.meta.url).resolve('forkserver/register')
const FILES = readdirSync(FOLDER).filter((name) => name !== FIRST && /\.test\.[cm]js$/.test(name))

const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-register-'))
after(() => rmSync(folder, { recursive: true }))
let runs = 0
const NO_SNAPSHOTS = !('snapshot' in nodeTest) && 'this Node has no snapshots'

interface Ran {
  exitCode: number | null
  stdout: string
  stderr: string
}

/** @param tests the folder of the files; it is the working directory, too, unless it is that of the corpus */
async function runTests(flags: readonly string[], files: readonly string[], env: object, tests = FOLDER): Promise<Ran> {
  const { NODE_TEST_CONTEXT: _context, NODE_V8_COVERAGE: _coverage, NODE_OPTIONS: _options, ...own } = process.env
  const paths = [FIRST, ...files].map((file) => path.join(tests, file))
  const args = [...flags, '--test', '--test-concurrency=1', '--test-reporter=tap', ...paths]
  const child = spawn(process.execPath, args, { cwd: tests === FOLDER ? ROOT : tests, env: { ...own, ...env } })
  const ran: Ran = { exitCode: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (ran.stdout += chunk))
  child.stderr.on('data', (chunk) => {
    ran.stderr += chunk
    if ('WAIT_FOR' in env && /template:(start|fail)/.test(ran.stderr)) writeFileSync(env.WAIT_FOR as string, '')
  })
  ran.exitCode = await new Promise((resolve) => child.on('close', resolve))
  return ran
}

const runPlain = (flags: readonly string[], files: readonly string[], tests?: string): Promise<Ran> =>
  runTests(flags, files, {}, tests)

/** All files but the first one in forked processes. */
async function runForked(flags: readonly string[], files: readonly string[], tests?: string): Promise<Ran> {
  const env = { NODE_DEBUG: 'forkserver', WAIT_FOR: path.join(folder, String(++runs)) }
  const isInstalled = tests !== undefined && existsSync(path.join(tests, 'node_modules', 'forkserver'))
  const register = isInstalled ? 'forkserver/register' : REGISTER
  const ran = await runTests(['--require', register, ...flags], files, env, tests)
  assert.equal(ran.stderr.match(/process:start .* startMethod=forkserver/g)?.length, files.length, ran.stderr)
  return ran
}

/** Without times, and without frames of Node: the last one says how the main module was started. */
const masked = (text: string): string =>
  text.replace(/duration_ms.*/g, 'duration_ms').replace(/^#?\s*at .*node:internal.*\n/gm, '')

async function compare(flags: readonly string[], files: readonly string[], tests?: string): Promise<void> {
  const [plain, ours] = [await runPlain(flags, files, tests), await runForked(flags, files, tests)]
  assert.equal(masked(ours.stdout), masked(plain.stdout))
  assert.equal(ours.exitCode, plain.exitCode)
}

/** A folder with these files of the corpus, and the first file. */
function newProject(name: string, files: readonly string[]): string {
  const project = path.join(folder, name)
  mkdirSync(project)
  for (const file of [FIRST, ...files]) cpSync(path.join(FOLDER, file), path.join(project, file))
  return project
}

describe('the same output and exit code as plain node --test', () => {
  for (const file of FILES) test(file, () => compare([], [file]))
  test('all files', () => compare([], FILES))
  test('only what a pattern names', () => compare(['--test-name-pattern=adds|waits'], FILES))
  test('with coverage', () => {
    const files = ['covers.test.cjs', 'passes.test.cjs']
    const project = newProject('covered', ['sums.cjs', ...files])
    // Outside of node_modules, each file of forkserver would have a row in the table.
    const installed = path.join(project, 'node_modules', 'forkserver')
    for (const name of ['package.json', 'dist', 'native', 'node_modules/leven'])
      cpSync(path.join(ROOT, name), path.join(installed, name), { recursive: true })
    return compare(['--experimental-test-coverage'], files, project)
  })
  test('with a flag of V8', () => compare(['--no-deprecation'], ['passes.test.cjs', 'fails.test.cjs']))
})

test('snapshots are written as plain node --test writes them', { skip: NO_SNAPSHOTS }, async () => {
  const written = async (name: string, run: typeof runPlain): Promise<string> => {
    const project = newProject(name, ['snapshots.test.cjs'])
    const { stdout, exitCode } = await run(['--test-update-snapshots'], ['snapshots.test.cjs'], project)
    assert.equal(exitCode, 0, stdout)
    return readFileSync(path.join(project, 'snapshots.test.cjs.snapshot'), 'utf8')
  }
  assert.equal(await written('ours', runForked), await written('plain', runPlain))
})

describe('learns what test files import from packages', () => {
  let project = ''
  const packages: Record<string, string> = {
    noting: 'module.exports = process.pid',
    registers: "globalThis.afterEach?.(() => {}); module.exports = typeof afterEach + ' ' + process.pid",
    tests: "require('node:test'); module.exports = process.pid",
  }
  const files = ['one.test.cjs', 'two.test.cjs']
  /** What was learnt, of the one template that learns. */
  const learnt = (): { modules: string[]; struck: Record<string, string> } => {
    const cache = path.join(project, 'node_modules', '.cache', 'forkserver')
    const names = existsSync(cache) ? readdirSync(cache) : []
    assert.equal(names.length, 1, String(names))
    return JSON.parse(readFileSync(path.join(cache, names[0]!), 'utf8'))
  }
  /** Which packages each process of a test file had loaded before it began. */
  const preloaded = ({ stdout }: Ran): string[] =>
    [...stdout.matchAll(/^# preloaded: (.*)$/gm)].map(([, names]) => names!)

  before(() => {
    project = newProject('learns', [])
    for (const [name, text] of Object.entries(packages)) {
      const file = path.join(project, 'node_modules', name, 'index.js')
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
    writeFileSync(path.join(project, 'package-lock.json'), '{}')
    writeFileSync(path.join(project, 'own.cjs'), 'module.exports = process.pid')
    const names = JSON.stringify([...Object.keys(packages), './own.cjs'])
    const code = `
      const test = require('node:test')
      test('loads', () => {
        const had = ${names}.filter((name) => require.resolve(name) in require.cache)
        console.log('preloaded: ' + had.join(' '))
        for (const name of ${names}) require(name)
      })`
    for (const file of files) writeFileSync(path.join(project, file), code)
  })

  test('in the first run, and the next run begins with it', async () => {
    const first = await runForked([], files, project)
    assert.equal(preloaded(first)[0], '', first.stdout)
    const all = Object.keys(packages).map((name) => `node_modules/${name}/index.js`)
    assert.deepEqual(learnt().modules.sort(), all)
    const second = await runForked([], files, project)
    assert.deepEqual(preloaded(second), ['noting', 'noting'], second.stdout)
    const { modules, struck } = learnt()
    assert.deepEqual(modules, ['node_modules/noting/index.js'])
    assert.match(struck['node_modules/registers/index.js']!, /looks for afterEach/)
    assert.match(struck['node_modules/tests/index.js']!, /loads node:test/)
  })

  test('with FORKSERVER_LEARN=off nothing that was learnt is preloaded', async () => {
    process.env.FORKSERVER_LEARN = 'off'
    try {
      assert.deepEqual(preloaded(await runForked([], files, project)), ['', ''])
    } finally {
      delete process.env.FORKSERVER_LEARN
    }
  })

  test('of another lock file it knows nothing', async () => {
    writeFileSync(path.join(project, 'package-lock.json'), '{ "other": true }')
    assert.equal(preloaded(await runForked([], files, project))[0], '')
  })
})

test('FORKSERVER=off turns it off', async () => {
  const off = await runTests(['--require', 'forkserver/register'], FILES, {
    NODE_DEBUG: 'forkserver',
    FORKSERVER: 'off',
  })
  assert.doesNotMatch(off.stderr, /process:start|template:start/)
})
