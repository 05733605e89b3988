// Runs in: the test runner. Mistakes that are easily made: the error says what to do instead.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ForkServer, Pool, Process, remote } from 'forkserver'
import { descendants, until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const LIMIT = { timeout: 240_000 }
const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/faults/${name}`, import.meta.url))

/** What a call throws or rejects with. */
async function failureOf(call: () => unknown): Promise<Error & { code?: string }> {
  try {
    await call()
  } catch (error) {
    return error as Error & { code?: string }
  }
  return assert.fail('it did not fail')
}

const notAwaited = new Promise(() => {}) as unknown as ForkServer

/** What is done, the error's code, and what its message says. */
const MISTAKES: [what: string, call: () => unknown, code: string, says: RegExp][] = [
  [
    'new ForkServer()',
    () => new (ForkServer as unknown as new () => ForkServer)(),
    'ERR_INVALID_STATE',
    /await ForkServer\.start\(/,
  ],
  [
    'a server that was not awaited, for a Process',
    () => new Process(jobs.echo, [1], { server: notAwaited }),
    'ERR_INVALID_OPTION',
    /await ForkServer\.start\(\)/,
  ],
  [
    'a server that was not awaited, for a Pool',
    () => new Pool({ server: notAwaited }),
    'ERR_INVALID_OPTION',
    /await ForkServer\.start\(\)/,
  ],
  [
    "preload: ['jobs.js']",
    () => ForkServer.start({ preload: ['jobs.js'] }),
    'ERR_PRELOAD_FAILED',
    /new URL\('\.\/jobs\.js', import\.meta\.url\)/,
  ],
  [
    'preload: [jobs]',
    () => ForkServer.start({ preload: [jobs as unknown as string] }),
    'ERR_INVALID_OPTION',
    /jobs\.module/,
  ],
  [
    'preload: [jobs.echo]',
    () => ForkServer.start({ preload: [jobs.echo as unknown as string] }),
    'ERR_INVALID_OPTION',
    /jobs\.module/,
  ],
  [
    'limits: { memory: 512 }',
    () => new Process(jobs.echo, [1], { limits: { memory: 512 } }),
    'ERR_INVALID_OPTION',
    /bytes/,
  ],
  [
    'a result without a start',
    () => new Process(jobs.echo, [1]).result,
    'ERR_INVALID_STATE',
    /start\(\) before result/,
  ],
  [
    'a join without a start',
    () => new Process(jobs.echo, [1]).join(),
    'ERR_INVALID_STATE',
    /start\(\) before join\(\)/,
  ],
  [
    'transport: path, start method spawn',
    () => ForkServer.start({ startMethod: 'spawn', transport: 'path' }),
    'ERR_UNSUPPORTED',
    /transport/,
  ],
  ['execArgv: --watch', () => ForkServer.start({ execArgv: ['--watch'] }), 'ERR_INVALID_OPTION', /--watch/],
  [
    'an unknown option of connect()',
    () => ForkServer.connect({ abstract: 'nobody' }, new Uint8Array(32), { templateTimout: 5 } as object),
    'ERR_UNKNOWN_OPTION',
    /templateTimeout/,
  ],
]

describe('the error of a mistake', LIMIT, () => {
  for (const [what, call, code, says] of MISTAKES) {
    test(what, async () => {
      const error = await failureOf(call)
      assert.equal(error.code, code, String(error))
      assert.match(error.message, says)
    })
  }

  test('a process that needs more than limits.memory: it names the limit', async () => {
    const contract = new URL('../fixtures/contract/jobs.js', import.meta.url)
    const { fillHeap } = remote<typeof import('../fixtures/contract/jobs.js')>(contract)
    const limits = { memory: 64 * 1024 * 1024 }
    const p = await new Process(fillHeap, [], { stdio: 'ignore', limits }).start()
    const error = await failureOf(() => p.result)
    assert.equal(error.code, 'ERR_CHILD_DIED')
    assert.match(error.message, /limits\.memory \(67108864 bytes\)/)
    await (await ForkServer.default()).close()
  })

  test('a timeout of fractions of a millisecond: it is rounded', async () => {
    await using server = await ForkServer.start({ preload: [jobs.module] })
    const p = await new Process(jobs.spin, [], { server, stdio: 'ignore', timeout: 1_999.263407 }).start()
    assert.match((await failureOf(() => p.result)).message, /timeout of 1999 ms/)
    await p.join()
  })
})

describe('a program that names itself and starts processes at its top level', LIMIT, () => {
  const WAYS = ['process', 'preload', 'run', 'map', 'starmap', 'imap', 'imapUnordered', 'initializer', 'minProcesses']
  for (const what of WAYS) {
    for (const startMethod of ['forkserver', 'spawn']) {
      if (what === 'preload' && startMethod === 'spawn') continue // it preloads nothing but in the children
      test(`${what}, start method ${startMethod}: it fails, and says why`, async () => {
        const { status, stderr } = spawnSync(process.execPath, [fixture('names-itself.js')], {
          encoding: 'utf8',
          timeout: 40_000,
          env: { ...process.env, TEST_WHAT: what, TEST_START_METHOD: startMethod },
        })
        assert.equal(status, 1, stderr)
        assert.match(stderr, /ERR_(INVALID_STATE|PRELOAD_FAILED|POOL_BROKEN)/)
        assert.match(stderr, /a file of their own/)
        assert.ok(await until(() => descendants().every((line) => !line.includes('names-itself'))))
      })
    }
  }
})
