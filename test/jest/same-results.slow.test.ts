// Runs in: the test runner. jest gives the same results in forked processes as in its own workers: outputs, results,
// snapshots, coverage, exit codes. The corpus is in test/fixtures/jest.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { Corpus, type RunnerName, type RunResult } from './corpus.js'

const LIMIT = { timeout: 600_000 }

/** Code: the parent of this process is no template. */
const PARENT_IS_NO_TEMPLATE =
  "!require('node:fs').readFileSync('/proc/' + process.ppid + '/cmdline', 'latin1').includes('main/template.js')"

describe('jest in forked processes', LIMIT, () => {
  watchLeaks()
  const corpus = new Corpus()
  before(() => corpus.install())
  after(() => corpus.remove())
  beforeEach(() => corpus.add({}))

  /** Runs jest in both ways, and in the forked one twice: the second time with what the first one has learnt. */
  async function compare(flags: readonly string[], hasReport = true): Promise<RunResult> {
    const run = (runner: RunnerName): Promise<RunResult> => corpus.run(runner, flags, {}, hasReport)
    const plain = await run('jest-runner')
    corpus.forget()
    assert.deepEqual(await run('forkserver/jest'), plain)
    assert.deepEqual(await run('forkserver/jest'), plain, 'with what was learnt')
    return plain
  }

  test('what passes, fails, prints, mocks, and the coverage', async () => {
    const { code, written, output } = await compare(['--coverage'])
    assert.equal(code, 1)
    assert.ok(written.coverage)
    assert.ok(
      output.some((line) => /^ ?math\.js +\|/.test(line)),
      output.join('\n'),
    )
  })

  test('--ci and -u', async () => {
    await compare(['--ci', 'snapshots'])
    const { written } = await compare(['-u', 'snapshots'])
    assert.match(written['__snapshots__/snapshots.test.js.snap']!, /"new"/)
  })

  test('--verbose, --silent, --testNamePattern', async () => {
    await compare(['--verbose'])
    await compare(['--silent'])
    await compare(['-t', 'works'])
  })

  test('coverage by V8', async () => {
    await compare(['--coverage', '--coverageProvider=v8', 'results'])
  })

  test('configurations that cannot be prepared', async () => {
    await compare(['--automock', 'environment'])
    await compare(['real', '--setupFiles', './after-env.js'])
    await compare(['--detectOpenHandles', 'real'])
  })

  test('tests that fail with values that JSON cannot hold', async () => {
    corpus.add({
      'values-big.test.js': "test('big', () => { expect(1n).toBe(2n) })",
      'values-circular.test.js': `
        test('circular', () => { const a = { x: 1 }; a.a = a; expect(a).toEqual({ x: 2 }) })
        test('with functions', () => { expect({ f() {}, s: Symbol('q'), n: 1 }).toEqual({}) })`,
      'values-thrown.test.js': `
        test('thrown', () => { const e = new Error('boom'); e.self = e; e.n = 5n; throw e })
        test('with a socket', async () => {
          const socket = require('node:net').createServer().listen(0)
          await new Promise((resolve) => socket.once('listening', resolve))
          const error = Object.assign(new Error('Request failed'), { request: { socket } })
          socket.close()
          throw error
        })`,
      'values-passes.test.js': "test('passes', () => {})",
    })
    const { code, output } = await compare(['values-'], false)
    assert.equal(code, 1)
    assert.ok(output.includes('Tests:       5 failed, 1 passed, 6 total'), output.join('\n'))
  })

  test('large outputs, also of a file that leaves a timer behind', async () => {
    const code = (size: number): string => `
      test('writes', () => {
        process.stdout.write('~'.repeat(${size}))
        process.stderr.write('^'.repeat(${size}))
        setInterval(() => {}, 1000)
      })`
    corpus.add({ 'large-a.test.js': code(3_000_001), 'large-b.test.js': code(1_000_001) })
    // Not compared: jest's own process would wait for the timers, and both files write at the same time.
    const { output } = await corpus.run('forkserver/jest', ['large-'])
    const text = output.join()
    for (const letter of ['~', '^']) assert.equal(text.split(letter).length - 1, 4_000_002)
  })

  test('the environment that the first file asks for is not that of the others', async () => {
    const environment = path.join(corpus.folder, 'own-environment.js')
    writeFileSync(
      environment,
      `const { TestEnvironment } = require('jest-environment-node')
      module.exports = class extends TestEnvironment {
        async setup() { await super.setup(); this.global.MARK = 'own' }
      }`,
    )
    const test = (mark: string): string =>
      `test('has its environment', () => { expect(globalThis.MARK).toBe(${mark}) })`
    // jest begins with the file that took longest, or with the largest.
    const waits = "test('waits', () => new Promise((resolve) => setTimeout(resolve, 1000)))"
    corpus.add({
      'asks-a.test.js': `/** @jest-environment ./own-environment.js */\n${test("'own'")}\n${waits}`,
      'asks-b.test.js': test('undefined'),
      'asks-c.test.js': test('undefined'),
    })
    assert.equal((await compare(['asks-'])).code, 0)
    rmSync(environment)
  })

  test('a package that changes the environment does so in the files that load it', async () => {
    corpus.add({
      'env-a.test.js': "require('sets-env'); test('has it', () => expect(process.env.SETS_ENV).toBe('set'))",
      'env-b.test.js': "test('has it not', () => expect(process.env.SETS_ENV).toBe(undefined))",
    })
    const { code, output } = await compare(['env-'])
    assert.equal(code, 0, output.join('\n'))
    assert.equal((await corpus.run('forkserver/jest', ['env-'])).code, 0)
  })

  test('a package finds the globals that setup files and test files have replaced', async () => {
    const setup = path.join(corpus.folder, 'replace-fetch.js')
    writeFileSync(setup, "globalThis.fetch = Object.assign(() => {}, { replacedBy: 'setup' })")
    const test = (by: string): string => `
      const { fetch } = require('keeps-fetch')
      test('is the replaced one', () => { expect(fetch.replacedBy).toBe('${by}') })`
    corpus.add({
      'fetch-a.test.js': test('setup'),
      'fetch-b.test.js': `globalThis.fetch = Object.assign(() => {}, { replacedBy: 'test' }); ${test('test')}`,
    })
    const config = JSON.stringify({ setupFilesAfterEnv: [setup] })
    const { code, output } = await compare(['--config', config, 'fetch-'])
    assert.equal(code, 0, output.join('\n'))
    rmSync(setup)
  })

  test('a file that is not parsed', async () => {
    corpus.add({ 'syntax.test.js': "test('is not parsed', () => { const = 1 })" })
    const { code } = await compare(['syntax'])
    assert.equal(code, 1)
  })

  test('it learns packages, and which of them cannot be loaded before the test file', async () => {
    corpus.forget()
    await corpus.run('forkserver/jest', ['real', 'typescript'])
    await corpus.run('forkserver/jest', ['real', 'typescript'])
    const file = path.join(corpus.folder, 'node_modules', '.cache', 'forkserver', 'jest-contexts.json')
    const { modules, struck } = JSON.parse(readFileSync(file, 'utf8'))
    assert.deepEqual(
      modules.sort(),
      ['dep', 'typescript/lib', 'uses-dep'].map(
        (name) => `node_modules/${name}/${name === 'typescript/lib' ? 'typescript' : 'index'}.js`,
      ),
    )
    assert.deepEqual(Object.keys(struck), ['node_modules/registers/index.js'])
  })

  test('each file has a process of its own, forked from a template, and its own random numbers', async () => {
    const code = `
      const { readFileSync } = require('node:fs')
      test('tells', () => {
        const parent = readFileSync('/proc/self/stat', 'latin1').split(' ')[3]
        expect(readFileSync('/proc/' + parent + '/cmdline', 'latin1')).toMatch(/dist\\/main\\/template\\.js/)
        throw new Error([process.pid, Math.random(), crypto.randomUUID()].join())
      })`
    const names = ['a', 'b', 'c', 'd']
    corpus.add(Object.fromEntries(names.map((name) => [`own-${name}.test.js`, code])))
    const { files } = await corpus.run('forkserver/jest', ['own-'])
    const told = (files as { assertionResults: { failureMessages: string[] }[] }[]).map(
      (file) => /Error: (.*),(.*),(.*)/.exec(file.assertionResults[0]!.failureMessages[0]!)!,
    )
    for (const index of [1, 2, 3])
      assert.equal(new Set(told.map((each) => each[index])).size, names.length, String(told))
  })

  for (const [how, code, says] of [
    ['calls process.exit()', 'process.exit(3)', /ended with exit code 3/],
    ['crashes', "process.kill(process.pid, 'SIGSEGV')", /was killed by SIGSEGV/],
  ] as const) {
    test(`a file that ${how} fails, and the others go on`, async () => {
      corpus.add({ 'ends.test.js': `test('ends', () => { ${code} })` })
      const { code: exitCode, files } = await corpus.run('forkserver/jest', ['ends', 'typescript'])
      assert.equal(exitCode, 1)
      const [ended, passed] = files as { message: string; status: string }[]
      assert.match(ended!.message, says)
      assert.deepEqual([ended!.status, passed!.status], ['failed', 'passed'])
    })
  }

  test('fileTimeout ends a file that never ends, and the others go on', async () => {
    corpus.add({
      'endless-early.test.js': 'for (;;);',
      'endless-late.test.js': "test('never ends', () => { for (;;); })",
      'endless-wait.test.js': "test('waits', () => new Promise(() => {}), 1e9)",
    })
    const config = JSON.stringify({ runner: ['forkserver/jest', { fileTimeout: 10_000 }] })
    const { code, files } = await corpus.run('configuration', ['--config', config, 'endless', 'timers'])
    assert.equal(code, 1)
    const results = files as { message: string; status: string }[]
    assert.deepEqual(
      results.map(({ status }) => status),
      ['failed', 'failed', 'failed', 'passed'],
    )
    for (const { message } of results.slice(0, 3))
      assert.match(message, /ran for more than 10000 ms \(fileTimeout .* raise fileTimeout\./)
  })

  test('what setup files do, they do in test files only; also without globals of jest', async () => {
    const log = path.join(corpus.folder, 'setup.log')
    const line = '[expect.getState().testPath.split("/").pop(), process.env.JEST_WORKER_ID > 0].join()'
    const setup = path.join(corpus.folder, 'setup.js')
    writeFileSync(
      setup,
      `const { beforeEach, expect } = require('@jest/globals')
      beforeEach(() => require('node:fs').appendFileSync(${JSON.stringify(log)}, ${line} + '\\n'))`,
    )
    const body = `const { test } = require('@jest/globals')
      test('works', () => { if (!process.connected || ${PARENT_IS_NO_TEMPLATE}) throw new Error('it is not forked') })`
    corpus.add({ 'globals-a.test.js': body, 'globals-b.test.js': body })
    const config = JSON.stringify({ injectGlobals: false, setupFilesAfterEnv: [setup] })
    const { code, output } = await corpus.run('forkserver/jest', ['--config', config, 'globals-'])
    assert.equal(code, 0, output.join('\n'))
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    assert.deepEqual(lines.sort(), ['globals-a.test.js,true', 'globals-b.test.js,true'])
    for (const file of [setup, log]) rmSync(file)
  })

  test('both runners use one cache of transformed files', async () => {
    const cache = path.join(corpus.folder, 'node_modules', '.transformed')
    const transformed = (): string[] => {
      const names = readdirSync(cache, { recursive: true, encoding: 'utf8' }).map((name) => path.basename(name))
      return names.filter((name) => /^(?:resultstest|math)_[0-9a-f]+$/.test(name)).sort()
    }
    await corpus.run('jest-runner', ['--cacheDirectory', cache, 'results'])
    const own = transformed()
    assert.equal(own.length, 2)
    await corpus.run('forkserver/jest', ['--cacheDirectory', cache, 'results'])
    assert.deepEqual(transformed(), own)
  })

  test('--bail', async () => {
    const code = "test('fails', () => { throw new Error('no') })"
    corpus.add(Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`bail-${name}.test.js`, code])))
    assert.equal((await compare(['--bail=1', '--maxWorkers=1', 'bail-'])).code, 1)
  })

  const skip = spawnSync('script', ['--version']).status !== 0 && 'there is no script(1) to make a terminal'
  test('watch mode runs what was changed, and q ends it', { skip }, async () => {
    const test = (expected: number): string => `test('is one', () => { expect(1).toBe(${expected}) })`
    corpus.add({ 'watched-a.test.js': test(1), 'watched-b.test.js': test(1) })
    const change = { name: 'watched-b.test.js', code: test(2) }
    const plain = await corpus.watch('jest-runner', ['watched'], change)
    assert.equal(plain.code, 0)
    for (const line of ['Tests:       2 passed, 2 total', 'Tests:       1 failed, 1 passed, 2 total'])
      assert.ok(plain.output.includes(line), plain.output.join('\n'))
    assert.deepEqual(await corpus.watch('forkserver/jest', ['watched'], change), plain)
  })

  test('FORKSERVER=off leaves it to jest', async () => {
    const plain = await corpus.run('jest-runner', ['results'])
    assert.deepEqual(await corpus.run('forkserver/jest', ['results'], { FORKSERVER: 'off' }), plain)
  })
})
