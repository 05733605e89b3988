// Runs in: the test runner. One test file in a process of its own, and each way in which it can end. jest is none.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ChildError, ForkServer, remote } from 'forkserver'
import { type FileOptions, NotStarted, runTestFile } from '#src/jest/file-process.js'
import { ownFile } from '#src/platform/own-files.js'
import { until, watchLeaks } from '../support/leaks.js'
import { FakeJest, GLOBAL, UNPREPARED } from './configurations.js'

const LIMIT = { timeout: 60_000 }

watchLeaks()

describe('a test file', LIMIT, () => {
  const jest = new FakeJest()
  const testFiles = remote<typeof import('#src/jest/child/test-files.js')>(ownFile('jest/child/test-files.js'))
  let server: ForkServer
  before(async () => {
    const resolvers = [{ config: UNPREPARED, serializableModuleMap: {} }]
    const preparation = { workerFile: jest.workerFile, globalConfig: GLOBAL, resolvers, context: { told: 'context' } }
    server = await ForkServer.start({
      preload: [testFiles.module],
      strict: false,
      warmup: { call: testFiles.prepare, args: [{ ...preparation, prepared: [], modules: [] }] },
    })
  })
  after(() => server.close({ children: 'kill' }))

  const events: unknown[][] = []
  function run(name: string, body: string, others: Partial<FileOptions> = {}): ReturnType<typeof runTestFile> {
    events.length = 0
    const onEvent = (...event: unknown[]): number => events.push(event)
    const { signal } = new AbortController()
    return runTestFile(jest.test(name, body), { slot: 7, server, signal, onStart() {}, onEvent, ...others })
  }

  test('gives its result; it has a process, the number of its worker, and what jest has told', async () => {
    const { result, report } = await run(
      'passes',
      'return [process.pid, process.env.JEST_WORKER_ID, config.id, context.told]',
    )
    const [pid, ...others] = (result as unknown as { found: unknown[] }).found
    assert.notEqual(pid, process.pid)
    assert.deepEqual(others, ['7', 'project', 'context'])
    assert.deepEqual([report.modules, report.struck], [[], []])
  })

  test('its events come before its result', async () => {
    await run('events', "process.send([3, ['test-case-result', ['a', { ok: true }]]])")
    assert.deepEqual(events, [['test-case-result', ['a', { ok: true }]]])
  })

  test('a large event comes whole', async () => {
    await run('large', "process.send([3, ['large', ['ä'.repeat(300_000)]]])")
    assert.deepEqual(events, [['large', ['ä'.repeat(300_000)]]])
  })

  const SELF = 'const self = { big: 1n, none: undefined, map: new Map([[1, NaN]]) }; self.self = self'

  test('events and results may hold what JSON cannot', async () => {
    const { result } = await run('circular', `${SELF}; process.send([3, ['told', self]]); return self`)
    const self: Record<string, unknown> = { big: 1n, none: undefined, map: new Map([[1, Number.NaN]]) }
    self.self = self
    assert.deepEqual(events, [['told', self]])
    assert.deepEqual((result as unknown as { found: unknown }).found, self)
  })

  test('what cannot be cloned is left out of events and results', async () => {
    const { result } = await run(
      'functions',
      `${SELF}; self.no = () => {}; process.send([3, ['told', self]]); return self`,
    )
    const [[name, told]] = events as [[string, Record<string, unknown>]]
    const { found } = result as unknown as { found: Record<string, unknown> }
    for (const value of [told, found]) {
      assert.deepEqual(Object.keys(value), ['big', 'none', 'map', 'self'])
      assert.deepEqual([value.big, value.self], [1n, value])
    }
    assert.equal(name, 'told')
  })

  for (const [what, write] of [
    ['nonsense', "'nonsense\\n\\n[\\n{}\\nAAAA\\n'"],
    ['a line that is never ended', "'begun'"],
    ['more than a pipe holds', "'x'.repeat(300_000) + '\\n\\n' + 'y\\n'.repeat(3_000)"],
  ] as const)
    test(`${what} in its events is no event`, async () => {
      const body = `process.send([3, ['told', 1]]); require('node:fs').writeFileSync(3, ${write}); return 'whole'`
      const { result } = await run('nonsense', body)
      assert.equal((result as unknown as { found: string }).found, 'whole')
      assert.deepEqual(events, [['told', 1]])
    })

  test('one that is killed in the middle of an event fails, and nothing else', async () => {
    const body = "require('node:fs').writeSync(3, 'begun'); process.kill(process.pid, 'SIGKILL'); for (;;);"
    await assert.rejects(run('halves', body), { code: 'ERR_CHILD_DIED', message: /was killed by SIGKILL/ })
    assert.deepEqual(events, [])
  })

  test('messages that are none of jest are no events', async () => {
    await run('messages', "for (const message of [['a', ['b', 1]], [3], [3, 'text'], { b: 1n }]) process.send(message)")
    assert.deepEqual(events, [])
  })

  test('a reporter that throws fails the file', async () => {
    const onEvent = (): never => {
      throw new Error('no reporter')
    }
    const body = "process.send([3, ['told', 1]]); await new Promise((resolve) => setTimeout(resolve, 300))"
    await assert.rejects(run('reported', body, { onEvent }), { message: 'no reporter' })
  })

  test('what it throws is what jest gets', async () => {
    await assert.rejects(run('throws', "throw new TypeError('no')"), { name: 'TypeError', message: 'no' })
  })

  test('it is over when its result has come, whatever it has left open', async () => {
    const { result } = await run('leaves', 'setInterval(() => {}, 1000); return process.pid')
    const { found } = result as unknown as { found: number }
    assert.throws(() => process.kill(found, 0), { code: 'ESRCH' })
  })

  test("its output comes whole, and what its 'exit' listeners write", async () => {
    let output = ''
    const { stdout } = process
    const { write } = stdout
    stdout.write = ((chunk: string | Uint8Array, ...others: []) => {
      const text = String(chunk)
      // Else it is of the test runner, whose messages are binary and may hold any of these characters.
      if (!/^[~^|left\n]+$/.test(text)) return write.call(stdout, chunk, ...others)
      output += text
      return true
    }) as typeof write
    try {
      await run('writes', "process.on('exit', () => console.log('~left')); process.stdout.write('~'.repeat(3_000_001))")
      // As signal-exit does, if a template has loaded it.
      await run('restores', "process.reallyExit = reallyExit; process.stdout.write('|'.repeat(3_000_001))")
      await run('fails', "process.stdout.write('^'.repeat(3_000_001)); throw new Error('no')").catch(() => {})
    } finally {
      stdout.write = write
    }
    assert.equal(output.length, 9_000_009)
    assert.match(output, /^~+left\n\|+\^+$/)
  })

  test('it writes the coverage that NODE_V8_COVERAGE asks for', async () => {
    const { NODE_V8_COVERAGE: before } = process.env
    const folder = path.join(jest.folder, 'coverage')
    process.env.NODE_V8_COVERAGE = folder
    try {
      await run('covered', 'setInterval(() => {}, 1000)')
    } finally {
      if (before === undefined) delete process.env.NODE_V8_COVERAGE
      else process.env.NODE_V8_COVERAGE = before
    }
    const [name = 'none', ...others] = readdirSync(folder)
    assert.deepEqual(others, [])
    assert.match(readFileSync(path.join(folder, name), 'utf8'), /covered\.test\.js/)
  })

  test("one whose 'exit' listener never ends is killed", async () => {
    const { result } = await run('stays', "process.on('exit', () => { for (;;); }); return process.pid")
    assert.throws(() => process.kill((result as unknown as { found: number }).found, 0), { code: 'ESRCH' })
  })

  for (const [how, body, says] of [
    ['exits', 'process.exit(3)', /^The process of .*exits\.test\.js \(pid=\d+\) ended with exit code 3 before/],
    ['exits with 0', 'process.exit(0)', /ended with exit code 0 before its tests were over/],
    ['crashes', "process.kill(process.pid, 'SIGSEGV'); for (;;);", /was killed by SIGSEGV before its tests were over/],
  ] as const)
    test(`one that ${how} fails, and says how`, async () => {
      const error = (await run(how, body).catch((thrown: unknown) => thrown)) as ChildError
      assert.deepEqual([error.name, error.code], ['ChildError', 'ERR_CHILD_DIED'])
      assert.match(error.message, says)
      assert.equal(error.stack, `ChildError: ${error.message}`, 'jest would print the code of forkserver')
    })

  test('one for which no process can be started says so, and is not begun', async () => {
    const closed = await ForkServer.start()
    await closed.close()
    let starts = 0
    const started = run('unstarted', 'return 1', { server: closed, onStart: () => starts++ })
    const error = (await started.catch((thrown: unknown) => thrown)) as NotStarted
    assert.ok(error instanceof NotStarted)
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ERR_INVALID_STATE')
    assert.equal(starts, 0)
  })

  test('one that never ends is killed when the run is interrupted', async () => {
    const interruption = new AbortController()
    const looping = run('loops', "process.send([3, ['loops', process.pid]]); for (;;);", {
      signal: interruption.signal,
    })
    assert.ok(await until(() => events.length > 0))
    const pid = events[0]![1] as number
    interruption.abort()
    await assert.rejects(looping)
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })

  test('one that never ends is killed after fileTimeout', async () => {
    const body = "process.send([3, ['loops', process.pid]]); for (;;);"
    const failed = run('endless', body, { fileTimeout: 4_000 })
    const says = /^\/.*endless\.test\.js ran for more than 4000 ms .* It may be in an endless loop\./
    await assert.rejects(failed, { name: 'ChildError', code: 'ERR_TIMEOUT', message: says })
    assert.equal(events.length, 1)
    assert.throws(() => process.kill(events[0]![1] as number, 0), { code: 'ESRCH' })
  })
})
