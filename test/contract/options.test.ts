// Runs in: the test runner. The arguments and options of Process are checked where they are given, before anything is
// started.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer, Process, UsageError } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'
import { errorOf, jobs } from './contract.js'

watchLeaks()

function refusalOf(options: unknown): UsageError {
  try {
    new Process(jobs.echo, [1], options as never)
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
  return assert.fail(`accepted ${JSON.stringify(options)}`)
}

describe('new Process()', () => {
  test('takes a reference and an array', () => {
    for (const reference of [undefined, () => 1, 'echo', { module: 'a', name: 'b' }, jobs]) {
      assert.throws(() => new Process(reference as never, [] as never), { code: 'ERR_INVALID_ARGUMENT' })
    }
    for (const args of [undefined, null, 'text', { length: 0 }, 1]) {
      assert.throws(() => new Process(jobs.echo, args as never), { code: 'ERR_INVALID_ARGUMENT' })
    }
  })

  test('names an unknown option, and the one that was meant', () => {
    const error = refusalOf({ timeuot: 5 })
    assert.equal(error.code, 'ERR_UNKNOWN_OPTION')
    assert.equal(error.message, "Unknown option 'timeuot' of Process. Did you mean 'timeout'?")
    assert.match(refusalOf({ limits: { memroy: 1 } }).message, /'limits\.memroy'.*Did you mean 'limits\.memory'\?$/)
    assert.match(refusalOf({ completelyElse: 1 }).message, /There is 'server', 'cwd', 'env', 'stdio'/)
  })

  for (const [option, values] of Object.entries<readonly unknown[]>({
    server: [{}, 'default', null],
    cwd: ['', 1, null, 'a\0b'],
    env: ['A=1', [], { A: 1 }, { 'A=B': '1' }, { A: 'a\0b' }],
    stdio: [
      'pipes',
      -1,
      1.5,
      {},
      new Array(16).fill('pipe'),
      ['pipe', 'pipe', 'pipe', 'pipes'],
      ['other'],
      'ipc',
      [0, 1, 2, 'ipc', 'ipc'],
    ],
    serialization: ['json', 'xml', true],
    timeout: [0, -1, Number.NaN, '5', 2 ** 31],
    signal: [{}, { aborted: false }, null],
    limits: [null, 5, { memory: 5 }, { memory: '1G' }, { cpuSeconds: 0 }, { cpuSeconds: 1.5 }, { openFiles: 3 }],
    detached: ['yes', 1, null],
    uid: [-1, 1.5, 'root', 2 ** 32 - 1],
    gid: [-1, null],
    umask: [-1, 0o1000, '022'],
    nice: [-21, 20, 0.5],
    recordModules: [1, 'yes', null],
  })) {
    test(`refuses a wrong ${option}`, () => {
      for (const value of values) {
        const error = refusalOf({ [option]: value })
        assert.equal(error.code, 'ERR_INVALID_OPTION', `${option} ${String(value)}`)
        assert.ok(error.message.startsWith(`Option '${option}`), error.message)
        assert.match(error.message, / of Process must be .*, not /)
      }
    })
  }

  test('takes options that are undefined as absent', () => {
    const names = [
      'server',
      'cwd',
      'env',
      'stdio',
      'timeout',
      'signal',
      'limits',
      'detached',
      'uid',
      'gid',
      'umask',
      'nice',
      'recordModules',
    ]
    new Process(jobs.echo, [1], Object.fromEntries(names.map((name) => [name, undefined])))
  })
})

describe('ForkServer.start()', () => {
  test('names an unknown option, and the one that was meant', async () => {
    const error = await errorOf(ForkServer.start({ preloads: [] } as never), UsageError)
    assert.equal(error.code, 'ERR_UNKNOWN_OPTION')
    assert.match(error.message, /Did you mean 'preload'\?$/)
  })

  test('refuses wrong values', async () => {
    const wrong = [
      { preload: 'jobs' },
      { transport: 'tcp' },
      { startMethod: 'fork' },
      { warmup: () => 1 },
      { env: 1 },
      ...[{ preload: [{ optional: true }] }, { preload: [{ module: 'a', optional: 1 }] }, { preload: [{}] }],
      ...[
        { warmup: {} },
        { warmup: { call: jobs.echo } },
        { warmup: { args: [] } },
        { warmup: { call: 'f', args: [] } },
      ],
    ]
    for (const options of wrong) {
      const error = await errorOf(ForkServer.start(options as never), UsageError)
      assert.equal(error.code, 'ERR_INVALID_OPTION')
    }
  })
})
