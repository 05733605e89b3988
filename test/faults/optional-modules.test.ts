// Runs in: the test runner. Optional modules of the preload that cannot be loaded, or with which nothing can be forked:
// the template does without them, says which, and has the others.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Finding, ForkServer, Process, remote, type StartOptions, TemplateError, UsageError } from 'forkserver'
import { errorOf } from '../contract/contract.js'
import { watchLeaks } from '../support/leaks.js'

const fixture = (name: string): URL => new URL(`../fixtures/faults/${name}`, import.meta.url)
const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(fixture('jobs.js'))
const loaded = remote<typeof import('../fixtures/faults/noting.js')>(fixture('noting.js'))
const holding = fixture('holding.js').href
const SETTLE_MS = 300

const code = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`
/** Modules that are told apart by whether the output is a terminal. */
const ASK_FOR_TERMINAL = [
  "import tty from 'node:tty'; export default tty.isatty(1)",
  "import { isatty } from 'node:tty'; export default isatty(2)",
  'export default process.stdout.isTTY',
  'export default process.stderr.hasColors?.()',
]
const NO_SCRIPT = spawnSync('script', ['--version']).status !== 0 && 'there is no script(1) to make a terminal'
const optional = (module: string) => ({ module, optional: true })

let folder = ''
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-test-'))
})
after(() => rmSync(folder, { recursive: true }))
watchLeaks()

const start = (options: StartOptions): Promise<ForkServer> =>
  ForkServer.start({ startMethod: 'forkserver', settleMs: SETTLE_MS, ...options })

/** What a server skipped, and a proof that it forks with the module that is always there. */
async function skippedBy(options: StartOptions): Promise<Finding[]> {
  await using server = await start({ ...options, preload: [...(options.preload ?? []), loaded.module] })
  assert.equal(server.startMethod, 'forkserver')
  const p = await new Process(loaded.pidOfLoad, [], { server }).start()
  assert.equal(await p.result, server.pid, 'the other module was preloaded')
  return server.report!.skipped
}

describe('an optional module', () => {
  test('that is there is loaded', async () => {
    assert.deepEqual(await skippedBy({ preload: [optional(jobs.module)] }), [])
  })

  for (const [why, module, says] of [
    ['that does not exist', 'no-such-package-at-all', /Cannot find package 'no-such-package-at-all'/],
    ['that throws', code("throw new RangeError('broken')"), /^it threw RangeError: broken$/],
    ['that throws something that cannot be shown', code('throw Object.create(null)'), /a value that cannot be shown/],
    ['that throws in a callback', code("await new Promise(() => setTimeout(() => { throw Error('late') }))"), /late/],
    ['that ends the process', code('process.exit(3)'), /ended with exit code 3 before it was ready/],
    ['that waits for ever', code('await new Promise(() => {})'), /waits for something that never comes/],
    ['that keeps the loop busy', code('setInterval(() => {}, 1000)'), /Timeout keeps .* \(appeared while data:/],
  ] as const) {
    test(`${why} is skipped, and the report says why`, async () => {
      const skipped = await skippedBy({ preload: [optional(module)] })
      assert.equal(skipped.length, 1, JSON.stringify(skipped))
      assert.equal(skipped[0]!.module, module)
      assert.match(skipped[0]!.what, says)
    })
  }

  for (const thing of ['a server socket, unref', 'a worker thread, unref', 'a plain file']) {
    test(`that leaves ${thing} is skipped`, async () => {
      const env = { ...process.env, TEST_HOLD: thing }
      const skipped = await skippedBy({ preload: [optional(jobs.module), optional(holding)], env })
      assert.deepEqual([...new Set(skipped.map(({ module }) => module))], [holding], JSON.stringify(skipped))
    })
  }

  test('two of them, which are found one after the other', async () => {
    const throws = code("throw new Error('broken')")
    const env = { ...process.env, TEST_HOLD: 'a worker thread, unref' }
    const skipped = await skippedBy({ preload: [optional(holding), optional(throws), optional(jobs.module)], env })
    assert.deepEqual(skipped.map(({ module }) => module).sort(), [throws, holding].sort())
  })

  test('does not save a module that is needed', async () => {
    const throws = code("throw new Error('needed')")
    const error = await errorOf(start({ preload: [optional('no-such-package'), throws] }), TemplateError)
    assert.equal(error.code, 'ERR_PRELOAD_FAILED')
    assert.deepEqual(error.findings, [{ module: throws, what: 'it threw Error: needed', severity: 'failed' }])
    assert.match(error.message, /needed/)
  })

  describe('that looks for a global', () => {
    const tripwires = ['document', 'afterEach']
    for (const [how, text] of [
      ['by typeof', "export const isBrowser = typeof document !== 'undefined'"],
      ['by in', "export const isBrowser = 'document' in globalThis"],
      ['as a property', 'export const isBrowser = Boolean(globalThis.document)'],
      ['by its name, in a try', 'export let found; try { found = document } catch {}'],
      ['later, after an await', 'await null; export const isBrowser = globalThis.document !== undefined'],
    ] as const) {
      test(`${how} is skipped`, async () => {
        const skipped = await skippedBy({ preload: [optional(code(text)), optional(jobs.module)], tripwires })
        const what = 'it looks for document while it is loaded: preloaded, it would find nothing there'
        assert.deepEqual(skipped, [{ module: code(text), what, severity: 'different' }])
      })
    }

    test('is loaded if the global is none of the tripwires, or exists', async () => {
      const preload = [optional(code('export default typeof window + typeof setTimeout'))]
      assert.deepEqual(await skippedBy({ preload, tripwires: [...tripwires, 'setTimeout'] }), [])
    })

    test('is loaded if the template must have it', async () => {
      assert.deepEqual(await skippedBy({ preload: [code('export default typeof document')], tripwires }), [])
    })

    test('sees what it would see without tripwires', async () => {
      await using server = await start({ preload: [loaded.module], tripwires: ['noSuchGlobal'] })
      const p = await new Process(loaded.looksForGlobal, [], { server }).start()
      assert.deepEqual(await p.result, ['undefined', false, undefined, 'ReferenceError', true])
    })
  })

  test('that adds a global is skipped', async () => {
    const adds = code('globalThis.polyfill = 1')
    const skipped = await skippedBy({ preload: [optional(adds), optional(jobs.module)], tripwires: ['window'] })
    const what = 'it adds polyfill to the globals: preloaded, it would do so for every child'
    assert.deepEqual(skipped, [{ module: adds, what, severity: 'different' }])
  })

  for (const [what, text] of [
    ['process.env.BY_MODULE', "process.env.BY_MODULE = '1'"],
    ['Array.prototype.byModule', 'Array.prototype.byModule = () => 1'],
    ['fetch', 'globalThis.fetch = () => {}'],
  ] as const)
    test(`that changes ${what} is skipped, and those behind it are not`, async () => {
      const changes = code(text)
      const skipped = await skippedBy({ preload: [optional(changes), optional(jobs.module)], tripwires: ['window'] })
      const says = `it changes ${what} while it is loaded: preloaded, it would do so for every child`
      assert.deepEqual(skipped, [{ module: changes, what: says, severity: 'different' }])
    })

  test('is not blamed for what a module changes that the template must have', async () => {
    const preload = [code("process.env.BY_MODULE = '1'"), optional(jobs.module)]
    assert.deepEqual(await skippedBy({ preload, tripwires: ['window'] }), [])
  })

  for (const name of ['node:test', 'node:cluster'])
    test(`that loads ${name} is skipped`, async () => {
      const module = code(`import ${JSON.stringify(name)}`)
      const skipped = await skippedBy({ preload: [optional(module)], tripwires: ['window'] })
      assert.deepEqual(skipped, [
        { module, what: `it loads ${name}, which belongs to each process`, severity: 'different' },
      ])
    })

  test('that asks for a terminal is skipped, if there is one', { skip: NO_SCRIPT }, () => {
    const env = { ...process.env, TEST_MODULES: JSON.stringify(ASK_FOR_TERMINAL.map(code)) }
    const command = `'${process.execPath}' '${fileURLToPath(fixture('asks-for-terminal.js'))}'`
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { env, encoding: 'utf8', timeout: 60_000 })
    const skipped = JSON.parse(stdout) as Finding[]
    assert.deepEqual(
      skipped.map(({ module }) => module),
      ASK_FOR_TERMINAL.map(code),
    )
    for (const { what } of skipped) assert.match(what, /^it asks for a terminal/)
  })

  test('that throws is not kept: a child that imports it gets an error of its own', async () => {
    const throws = code("globalThis.tries = (globalThis.tries ?? 0) + 1; throw new Error('try ' + globalThis.tries)")
    await using server = await start({ preload: [optional(throws)] })
    const p = await new Process(remote(throws).nothing!, [], { server }).start()
    await assert.rejects(p.result, /try 1/)
  })

  test('that cannot be loaded in a spawned process is skipped there, too', async () => {
    await using server = await ForkServer.start({ startMethod: 'spawn', preload: [optional('no-such-package')] })
    const p = await new Process(jobs.echo, [1], { server }).start()
    assert.equal(await p.result, 1)
  })
})

describe('a warm-up with arguments', () => {
  test('gets them', async () => {
    const args: [Map<string, number[]>] = [new Map([['a', [1, 2]]])]
    await using server = await start({ warmup: { call: loaded.keep, args } })
    const p = await new Process(loaded.kept, [], { server }).start()
    assert.deepEqual(await p.result, args[0])
  })

  test('that cannot be cloned are an error before anything starts', async () => {
    const options = { warmup: { call: remote(jobs.module).echo!, args: [() => 1] } }
    assert.equal((await errorOf(start(options), UsageError)).code, 'ERR_CANNOT_CLONE')
  })
})
