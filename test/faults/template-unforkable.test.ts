// Runs in: the test runner. A preload that leaves open what a fork would duplicate or lose: start() says what, and
// which module.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Finding, ForkServer, Process, remote, type StartOptions, TemplateError } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'

const holdingUrl = new URL('../fixtures/faults/holding.js', import.meta.url)
const holding = remote<typeof import('../fixtures/faults/holding.js')>(holdingUrl)
const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const SETTLE_MS = 300

let folder: string
let listener: Server
const addressInFolder = (): string => path.join(folder, 'listener.sock')
const environment = (thing: string): NodeJS.ProcessEnv => ({
  ...process.env,
  TEST_HOLD: thing,
  TEST_ADDRESS: addressInFolder(),
  TEST_DATABASE: path.join(folder, 'x.db'),
})
const start = (thing: string, options: StartOptions = {}): Promise<ForkServer> =>
  ForkServer.start({
    preload: [jobs.module, holding.module],
    env: environment(thing),
    settleMs: SETTLE_MS,
    ...options,
  })

const listOf = (findings: readonly Finding[]): string => findings.map(({ what }) => what).join('\n')

async function refusal(thing: string, options: StartOptions = {}): Promise<TemplateError> {
  const error = await start(thing, options).then(
    async (server) => {
      await server.close()
      assert.fail('it started')
    },
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof TemplateError, String(error))
  assert.equal(error.code, 'ERR_UNFORKABLE')
  for (const { what } of error.findings) assert.ok(error.message.includes(what), 'the message lists every finding')
  return error
}

before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-test-'))
  listener = createServer((socket) => socket.resume().on('error', () => {})).listen(addressInFolder())
})
after(() => {
  listener.close()
  rmSync(folder, { recursive: true })
})
watchLeaks() // after these hooks: the listener is the test's own

// What is left behind, and what a finding must say.
const IMPOSSIBLE: [thing: string, says: RegExp][] = [
  ['a server socket', /socket/],
  ['a server socket, unref', /socket/],
  ['a connected socket', /socket/],
  ['an interval', /Timeout/],
  ['a file watcher', /file watcher/],
  ['a file watcher, unref', /file watcher/],
  ['a worker thread', /worker thread \(node:worker_threads\)/],
  ['a worker thread, unref', /worker thread \(node:worker_threads\)/],
  ['a hooks thread', /thread/],
  ['a child process', /child process/],
  ['a child process, unref', /child process/],
  ['a database', /database .*x\.db/],
]

describe('a preload that leaves behind what cannot be forked', () => {
  for (const [thing, says] of IMPOSSIBLE) {
    for (const strict of [true, false]) {
      test(`${thing}, strict: ${strict}`, async () => {
        const { findings } = await refusal(thing, { strict })
        const finding = findings.find(({ what }) => says.test(what))
        assert.ok(finding, listOf(findings))
        assert.deepEqual([finding.module, finding.severity], [holding.module, 'impossible'])
        assert.match(finding.what, /\(appeared while .*holding\.js was loaded\)$/)
        assert.ok(!findings.some(({ what }) => what.includes('jobs.js')), 'the innocent module is not blamed')
      })
    }
  }

  // These run before the template's own main: what they bring must not pass for Node's own. Loader hooks that they
  // bring are no error: such a server spawns (test/setups/loader-hooks.test.ts).
  for (const thing of ['a server socket, unref', 'a file watcher, unref', 'a worker thread, unref', 'a database']) {
    const says = IMPOSSIBLE.find(([name]) => name === thing)![1]
    const wanted = new RegExp(`${says.source}.*appeared while --import.*holding\\.js was loaded`)
    const withPreload = { preload: [jobs.module] }

    test(`${thing}, brought by --import in execArgv`, async () => {
      const { findings } = await refusal(thing, { ...withPreload, execArgv: ['--import', holding.module] })
      const finding = findings.find(({ what }) => wanted.test(what))
      assert.ok(finding, listOf(findings))
      assert.equal(finding.module, null, 'it is none of the preload')
    })

    test(`${thing}, brought by --import in NODE_OPTIONS`, async () => {
      const env = { ...environment(thing), NODE_OPTIONS: `--no-warnings --import=${holding.module}` }
      const { findings } = await refusal(thing, { ...withPreload, env })
      const finding = findings.find(({ what }) => wanted.test(what))
      assert.ok(finding, listOf(findings))
      assert.equal(finding.module, null, 'it is none of the preload')
    })
  }

  for (const thing of ['a worker thread, unref', 'a hooks thread']) {
    test(`${thing}: it is one finding, and its descriptors are not taken for those of an addon`, async () => {
      const { findings } = await refusal(thing)
      assert.equal(findings.length, 1, listOf(findings))
    })
  }

  test('what the warm-up leaves behind appeared while it ran', async () => {
    const { findings } = await refusal('a used thread pool', { warmup: holding.listen })
    assert.match(listOf(findings), /socket.*\(appeared while the warm-up listen\(\) ran\)/)
    assert.ok(findings.every(({ module }) => module === holding.module))
  })

  test('a worker thread and a socket: both are listed', async () => {
    const { findings } = await refusal('a server socket, unref, and a worker thread, unref')
    assert.equal(findings.length, 2, listOf(findings))
  })

  test('two things: both are listed', async () => {
    const { findings } = await refusal('a file watcher, unref, and a database')
    assert.match(listOf(findings), /file watcher/)
    assert.match(listOf(findings), /database/)
  })
})

describe('a preload that leaves behind what is only suspicious', () => {
  test('an open file fails a strict start', async () => {
    const { findings } = await refusal('a plain file')
    assert.equal(findings.length, 1)
    assert.equal(findings[0]!.severity, 'suspicious')
    assert.match(findings[0]!.what, /open file .*holding\.js.*appeared while .*holding\.js was loaded/)
  })

  test('an open file is a warning if strict is false, and children run', async () => {
    const warnings: (Error & { code?: string })[] = []
    const hear = (warning: Error): void => void warnings.push(warning)
    process.on('warning', hear)
    try {
      await using server = await start('a plain file', { strict: false })
      assert.equal(server.report?.findings.length, 1)
      assert.equal(await new Process(jobs.echo, [1], { server }).start().then(({ result }) => result), 1)
      const [warning] = warnings.filter(({ code }) => code === 'FORKSERVER_SUSPICIOUS')
      assert.match(warning?.message ?? '', /open file .*holding\.js/)
    } finally {
      process.off('warning', hear)
    }
  })
})

describe('a preload that used the thread pool', () => {
  // Files, names, keys and compression: on Node 22 and later it was refused for the threads.
  test('starts, and its children have a pool of their own', async () => {
    await using server = await start('a used thread pool')
    for (let i = 0; i < 5; i++) {
      const p = await new Process(jobs.usePool, [], { server }).start()
      assert.equal(await p.result, 16)
      assert.equal((await p.join()).exitCode, 0)
    }
  })
})

describe('a preload that keeps the event loop busy for a while', () => {
  test('less than settleMs: it starts when the loop is empty', async () => {
    await using server = await start('a short timer', { settleMs: 5_000 })
    assert.equal(await new Process(jobs.echo, [1], { server }).start().then(({ result }) => result), 1)
  })
})
