// Runs in: the test runner. The runner, as jest calls it; jest is none. test/jest/same-results.slow.test.ts has jest.
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import inspector from 'node:inspector'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import ForkserverTestRunner, { type ForkserverRunnerOptions } from 'forkserver/jest'
import type { GlobalConfig, Test, Watcher } from '#src/jest/child/jest-types.js'
import { Project } from '#src/registry/project.js'
import { watchLeaks } from '../support/leaks.js'
import { FakeJest, GLOBAL, UNPREPARED } from './configurations.js'

const LIMIT = { timeout: 60_000 }
const NO_SETUP = 'module.exports = () => {}'
/** What was learnt. */
const LIST = 'node_modules/.cache/forkserver/jest-contexts.json'

class FakeWatcher implements Watcher {
  #isInterrupted = false
  #listener: (state: { interrupted: boolean }) => void = () => {}
  isInterrupted = (): boolean => this.#isInterrupted
  on = (_event: 'change', listener: (state: { interrupted: boolean }) => void): void => {
    this.#listener = listener
  }
  interrupt(): void {
    this.#isInterrupted = true
    this.#listener({ interrupted: true })
  }
}

interface Run {
  /** Event, name of the test file, and what came. */
  events: [event: string, file: string, found: unknown][]
  warnings: string[]
}

describe('the runner of forkserver/jest', LIMIT, () => {
  watchLeaks()
  const jest = new FakeJest()

  async function run(
    tests: readonly Test[],
    config: Partial<GlobalConfig> = {},
    onEvent: (event: string, watcher: FakeWatcher) => void = () => {},
    options: ForkserverRunnerOptions = {},
  ): Promise<Run> {
    const warnings: string[] = []
    const warn = ({ code, message }: Error & { code?: string }): void => {
      if (code === 'FORKSERVER_JEST') warnings.push(message)
    }
    process.on('warning', warn)
    const events: Run['events'] = []
    const runner = new ForkserverTestRunner({ ...GLOBAL, rootDir: jest.folder, ...config }, {}, options)
    const watcher = new FakeWatcher()
    for (const event of ['test-file-start', 'test-file-success', 'test-file-failure', 'told'])
      runner.on(event, ([test, outcome]: [Test, { found?: unknown; isPlain?: boolean; message?: string }]) => {
        const found = outcome?.isPlain ? 'plain' : (outcome?.message ?? outcome?.found)
        events.push([event, test?.path?.replace(/.*\/|\.test\.js/g, ''), found])
        onEvent(event, watcher)
      })
    await runner.runTests(tests, watcher, { serial: false })
    await new Promise(setImmediate) // warnings come in a turn of their own
    process.off('warning', warn)
    return { events, warnings }
  }
  const named = ({ events }: Run, name: string): unknown[] =>
    events.filter(([event]) => event === name).map(([, file, found]) => [file, found])

  test('runs each file in a process of its own, as many at a time as jest wants', async () => {
    const names = ['a', 'b', 'c', 'd']
    const tests = names.map((name) => jest.test(name, 'return [process.ppid, process.pid, process.env.JEST_WORKER_ID]'))
    const ran = await run(tests)
    assert.deepEqual(ran.warnings, [])
    const found = named(ran, 'test-file-success') as [string, [number, number, string]][]
    assert.deepEqual(found.map(([file]) => file).sort(), names)
    assert.equal(new Set(found.map(([, [parent]]) => parent)).size, 1, 'one template')
    assert.equal(new Set(found.map(([, [, pid]]) => pid)).size, names.length)
    for (const [, [parent, , slot]] of found) {
      assert.notEqual(parent, process.pid)
      assert.match(slot, /^[12]$/)
    }
  })

  test('a file that fails or crashes is told, and the others run', async () => {
    const ran = await run([
      jest.test('crashes', "process.kill(process.pid, 'SIGSEGV'); for (;;);"),
      jest.test('exits', 'process.exit(3)'),
      jest.test('fails', "throw new Error('no')"),
      jest.test('passes', 'return 1'),
    ])
    const failures = named(ran, 'test-file-failure') as [string, string][]
    assert.deepEqual(failures.map(([file]) => file).sort(), ['crashes', 'exits', 'fails'])
    const said = Object.fromEntries(failures)
    assert.match(said.crashes!, /SIGSEGV/)
    assert.match(said.exits!, /exit code 3/)
    assert.equal(said.fails, 'no')
    assert.deepEqual(named(ran, 'test-file-success'), [['passes', 1]])
  })

  test('fileTimeout ends a file that never ends, and the others run', async () => {
    const tests = [
      jest.test('loops', 'for (;;);'),
      jest.test('waits', 'await new Promise((resolve) => setInterval(() => {}, 1000))'),
      jest.test('passes', 'return 1'),
    ]
    const ran = await run(tests, {}, () => {}, { fileTimeout: 5_000 })
    const failures = named(ran, 'test-file-failure') as [string, string][]
    assert.deepEqual(failures.map(([file]) => file).sort(), ['loops', 'waits'])
    for (const [file, text] of failures)
      assert.match(text, RegExp(`${file}\\.test\\.js ran for more than 5000 ms \\(fileTimeout .* raise fileTimeout`))
    assert.deepEqual(named(ran, 'test-file-success'), [['passes', 1]])
  })

  test('an interrupted run, as by --bail, begins no other file, and kills those that run', async () => {
    const tests = [
      jest.test('loops', "process.send([3, ['told', []]]); for (;;);"),
      jest.test('never', 'return 1'),
      jest.test('either', 'return 1'),
    ]
    const ran = await run(tests, { maxWorkers: 1 }, (event, watcher) => {
      if (event === 'told') watcher.interrupt()
    })
    assert.deepEqual(
      named(ran, 'test-file-start').map((each) => (each as string[])[0]),
      ['loops'],
    )
    assert.equal(named(ran, 'test-file-success').length, 0)
  })

  test('a listener that was removed hears nothing', async () => {
    const runner = new ForkserverTestRunner({ ...GLOBAL, rootDir: jest.folder }, {})
    let heard = 0
    const remove = runner.on('test-file-start', () => heard++)
    remove()
    await runner.runTests([jest.test('a', '')], new FakeWatcher(), { serial: false })
    assert.equal(heard, 0)
  })

  test("a template that cannot be started: a warning says why, and jest's own runner does it", async () => {
    const ran = await run([jest.test('a', 'return 1', { ...UNPREPARED, id: 'broken' })])
    assert.deepEqual(named(ran, 'test-file-success'), [['a', 'plain']])
    assert.match(ran.warnings.join(), /^Test files run in jest's own processes: .*it cannot be set up/s)
  })

  describe('with what was learnt', () => {
    const keep = (struck: Record<string, string> = {}): string => {
      const modules = ['node_modules/early/index.js', 'node_modules/holds/index.js'].filter((name) => !(name in struck))
      return jest.write(
        LIST,
        JSON.stringify({ stamp: new Project(jest.folder).listStamp(['jest@30.0.0']), modules, struck }),
      )
    }
    const kept = (): { modules: string[]; struck: Record<string, string> } =>
      JSON.parse(readFileSync(path.join(jest.folder, LIST), 'utf8'))
    /** The first template does what a module would do that is loaded in it. */
    const firstDoes = (body: string): void => {
      const marker = path.join(jest.folder, 'first')
      rmSync(marker, { force: true })
      const name = JSON.stringify(marker)
      const first = `if (fs.existsSync(${name})) return; fs.writeFileSync(${name}, '')`
      jest.write('setup.js', `const fs = require('node:fs'); module.exports = () => { ${first}; ${body} }`)
    }
    after(() => jest.write('setup.js', NO_SETUP))

    test('if nothing can be forked with them, those learnt last are struck off, and the run is forked', async () => {
      firstDoes('setInterval(() => {}, 1000)')
      keep()
      const ran = await run([jest.test('a', 'return process.ppid')])
      assert.deepEqual(ran.warnings, [])
      assert.notEqual((named(ran, 'test-file-success') as [string, number | string][])[0]![1], 'plain')
      const { modules, struck } = kept()
      assert.deepEqual(modules, ['node_modules/early/index.js'])
      assert.match(struck['node_modules/holds/index.js']!, /Timeout/)
    })

    test('if nobody knows what ended the start, the run is forked, and nothing is struck off', async () => {
      firstDoes("process.kill(process.pid, 'SIGKILL')")
      keep()
      const ran = await run([jest.test('a', 'return process.ppid')])
      assert.deepEqual(ran.warnings, [])
      assert.notEqual((named(ran, 'test-file-success') as [string, number | string][])[0]![1], 'plain')
      assert.deepEqual(kept().modules, ['node_modules/early/index.js', 'node_modules/holds/index.js'])
    })
  })

  test("files for which no process can be started are run by jest's own runner, and a warning says why", async () => {
    const marker = path.join(jest.folder, 'no-template')
    jest.write(
      'setup.js',
      `module.exports = () => {
      if (require('node:fs').existsSync(${JSON.stringify(marker)})) throw new Error('no more templates')
    }`,
    )
    const mark = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`
    const kill = `${mark}; process.kill(process.ppid, 'SIGKILL')`
    const ran = await run(
      [jest.test('a', `${kill}; return 1`), jest.test('b', 'return 1'), jest.test('c', 'return 1')],
      { maxWorkers: 1 },
    )
    jest.write('setup.js', NO_SETUP)
    const plain = named(ran, 'test-file-success').filter((each) => (each as unknown[])[1] === 'plain')
    assert.deepEqual(plain, [
      ['b', 'plain'],
      ['c', 'plain'],
    ])
    assert.equal(ran.warnings.length, 1, ran.warnings.join('\n'))
    assert.match(ran.warnings[0]!, /^Test files run in jest's own processes: .*no more templates/s)
  })

  test("jest's own runner does it if a debugger is attached", async () => {
    inspector.open(0, '127.0.0.1')
    try {
      const ran = await run([jest.test('a', 'return 1')])
      assert.deepEqual([named(ran, 'test-file-success'), ran.warnings], [[['a', 'plain']], []])
    } finally {
      inspector.close()
    }
  })

  for (const config of [{ detectOpenHandles: true }, { workerThreads: true }])
    test(`jest's own runner does it with ${JSON.stringify(config)}`, async () => {
      const ran = await run([jest.test('a', 'return 1')], config)
      assert.deepEqual([named(ran, 'test-file-success'), ran.warnings], [[['a', 'plain']], []])
    })

  test("FORKSERVER=off leaves it to jest's own runner", async () => {
    process.env.FORKSERVER = 'off'
    try {
      const ran = await run([jest.test('a', 'return 1')])
      assert.deepEqual(named(ran, 'test-file-success'), [['a', 'plain']])
    } finally {
      delete process.env.FORKSERVER
    }
  })
})
