// Runs in: the test runner. vitest gives the same results in forked processes as in its own: outputs, exit codes,
// snapshots, coverage. The corpus is in test/fixtures/vitest.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { Corpus, masked, noVitest, type PoolName, type Run } from './corpus.js'

const DOM_PACKAGES = 'react react-dom react-dom/client react/jsx-dev-runtime'
const LIMIT_MS = 60_000

/** Runs a folder in both pools. Returns what the first one left. */
async function compare(corpus: Corpus, run: Omit<Run, 'pool'>): ReturnType<Corpus['run']> {
  const plain = await corpus.run({ ...run, pool: 'forks' })
  const forked = await corpus.run({ ...run, pool: 'forkserver' })
  assert.deepEqual(forked, plain)
  return plain
}

describe('vitest in forked processes', { skip: noVitest }, () => {
  watchLeaks()
  const corpus = new Corpus()
  before(() => corpus.install())
  after(() => corpus.remove())

  test('each file runs in a child of a template', async () => {
    const { code, files } = await corpus.run({ folder: 'forked', pool: 'forkserver' })
    assert.equal(code, 0)
    const lines = files['parents.txt']!.trim().split('\n')
    assert.equal(new Set(lines.map((line) => line.split(' ')[0])).size, 2)
    for (const line of lines) assert.match(line, /dist\/main\/template\.js/)
  })

  test('few files start no template', async () => {
    const { code, files } = await corpus.run({ folder: 'forked', pool: 'forkserver', env: { CORPUS_WAIT: 'no' } })
    assert.equal(code, 0)
    assert.doesNotMatch(files['parents.txt']!, /template\.js/)
  })

  test('without a template vitest says why, and runs them in its own processes', async () => {
    const env = { CORPUS_PRELOAD: 'file:///no/such/module.js' }
    const { code, stderr, files } = await corpus.run({ folder: 'forked', pool: 'forkserver', env })
    assert.equal(code, 0)
    const said = stderr.filter((line) =>
      line.includes("forkserver/vitest: Test files run in processes of vitest's own"),
    )
    assert.equal(said.length, 1, stderr.join('\n'))
    assert.match(said[0]!, /no\/such\/module\.js/)
    assert.doesNotMatch(files['parents.txt']!, /template\.js/)
  })

  test('a package of the option preload that is not there is left out, and vitest says so', async () => {
    const env = { CORPUS_PRELOAD: 'no-such-package' }
    const { code, stderr, files } = await corpus.run({ folder: 'forked', pool: 'forkserver', env })
    assert.equal(code, 0)
    const said = stderr.filter((line) => line.includes("forkserver/vitest: 'no-such-package' of the option preload"))
    assert.equal(said.length, 1, stderr.join('\n'))
    for (const line of files['parents.txt']!.trim().split('\n')) assert.match(line, /template\.js/)
  })

  test('what passes, fails, prints, mocks, and the coverage', async () => {
    const { code, stdout, files } = await compare(corpus, { folder: 'core', flags: ['--coverage'] })
    assert.equal(code, 1)
    assert.ok(stdout.some((line) => /^ sum\.js +\|/.test(line)))
    assert.ok(files['coverage/coverage-final.json'])
    assert.match(files['__snapshots__/surroundings.test.js.snap']!, /the process/)
  })

  test('with preloaded packages', async () => {
    await compare(corpus, { folder: 'core', env: { CORPUS_PRELOAD: 'react react-dom/server' } })
  })

  for (const dom of ['jsdom', 'happy-dom'])
    test(`React in ${dom}`, async () => {
      const env = { CORPUS_DOM: dom, CORPUS_PRELOAD: `${DOM_PACKAGES} @testing-library/react` }
      const { code, files } = await compare(corpus, { folder: 'dom', env })
      assert.equal(code, 1)
      assert.match(files['auto-cleanup.test.jsx']!, /first.*second/)
    })

  test('globals: true, with the automatic cleanup of Testing Library', async () => {
    const { code } = await compare(corpus, { folder: 'globals', env: { CORPUS_PRELOAD: DOM_PACKAGES } })
    assert.equal(code, 0)
  })

  for (const folder of ['core', 'dom', 'globals'])
    test(`${folder}: with what was learnt`, async () => {
      corpus.forget()
      const plain = await corpus.run({ folder, pool: 'forks' })
      assert.deepEqual(await corpus.run({ folder, pool: 'forkserver' }), plain, 'while it learns')
      assert.deepEqual(await corpus.run({ folder, pool: 'forkserver' }), plain, 'with what it has learnt')
      const { struck, modules } = corpus.learnt()
      assert.ok(modules.some((name) => name.startsWith('node_modules/react')))
      const isStruck = (prefix: string): boolean => Object.keys(struck).some((name) => name.startsWith(prefix))
      assert.equal(isStruck('node_modules/@testing-library/react/'), folder === 'globals')
      assert.equal(isStruck('node_modules/@testing-library/jest-dom/'), folder !== 'core')
    })

  test('processes that crash', async () => {
    const { code, stderr } = await compare(corpus, { folder: 'crash' })
    assert.equal(code, 1)
    for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGKILL'])
      assert.ok(
        stderr.some((line) => line.includes(signal)),
        signal,
      )
  })

  test('--bail', async () => {
    await compare(corpus, { folder: 'bail', flags: ['--bail=1', '--maxWorkers=1'] })
  })

  test('one process for all files: isolate false', async () => {
    await compare(corpus, { folder: 'bail', flags: ['--no-isolate', '--maxWorkers=1'] })
  })

  test('--inspect', async () => {
    const flags = ['--inspect=127.0.0.1:0', '--no-file-parallelism', 'a.test.js']
    const { stderr } = await compare(corpus, { folder: 'bail', flags })
    assert.ok(stderr.some((line) => line.includes('Debugger listening')))
  })

  test('watch mode runs what was changed', async () => {
    const watch = async (pool: PoolName): Promise<string[]> => {
      const cwd = corpus.copy('bail')
      const child = corpus.start({ folder: 'bail', pool, flags: ['--watch'] })
      let output = ''
      const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
      let waits = 0
      child.stdout!.on('data', (chunk: Buffer) => {
        output += chunk
        const now = output.split(' for file changes').length - 1
        if (now === 1 && waits === 0) appendFileSync(path.join(cwd, 'b.test.js'), "\ntest('b is new', () => {})\n")
        if (now === 2 && waits === 1) child.kill('SIGTERM')
        waits = now
      })
      await once(child, 'close')
      clearTimeout(timer)
      return masked(output)
    }
    const plain = await watch('forks')
    assert.ok(plain.some((line) => line.includes('RERUN')))
    assert.deepEqual(await watch('forkserver'), plain)
  })

  test('with isolate false fileTimeout is for each file, and what did not run is an error', async () => {
    const { code, stdout, stderr } = await corpus.run({
      folder: 'loop',
      pool: 'forkserver',
      flags: ['--no-isolate', '--maxWorkers=1'],
      env: { CORPUS_TIMEOUT: '6000' },
    })
    assert.equal(code, 1)
    const said = [...stdout, ...stderr].join('\n')
    for (const name of ['goes-on', 'loops', 'loops-early'])
      assert.match(said, new RegExp(`${name}\\.test\\.js`), 'no file is lost')
    assert.match(said, /did not run: the process that they share with .*loops.* \(isolate: false\) was killed/)
  })

  test('fileTimeout ends an endless loop, and the run goes on', async () => {
    const { code, stdout, stderr } = await corpus.run({
      folder: 'loop',
      pool: 'forkserver',
      env: { CORPUS_TIMEOUT: '6000' },
    })
    assert.equal(code, 1)
    assert.ok(
      stdout.some((line) => /Test Files +2 failed \| 1 passed \(3\)/.test(line)),
      stdout.join('\n'),
    )
    const texts = stderr.filter((line) => line.includes('fileTimeout'))
    assert.equal(texts.length, 2)
    for (const name of ['loops.test.js', 'loops-early.test.js'])
      assert.ok(
        texts.some((line) => line.includes(name)),
        name,
      )
  })
})
