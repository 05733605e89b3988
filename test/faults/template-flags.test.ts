// Runs in: the test runner. What a template may be started with: refused flags of Node, a preload that prints, one in TypeScript.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { descendants, watchLeaks } from '../support/leaks.js'
import { runProgram } from './owner.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const around = remote<typeof import('../fixtures/faults/surroundings.js')>(
  new URL('../fixtures/faults/surroundings.js', import.meta.url),
)
// The source, not what tsc made of it.
const typed = remote<typeof import('../fixtures/faults/typed.js')>(
  new URL('../../../test/fixtures/faults/typed.ts', import.meta.url),
)
const PRINTER = fileURLToPath(new URL('../fixtures/faults/printer.js', import.meta.url))
/** How processes start here, if nothing is in the way. */
const usual = 'missing' in findNative() ? 'spawn' : 'forkserver'
const stripsTypes = (process.features as { typescript?: string | false }).typescript === 'strip'

describe('flags of Node that a template cannot have', () => {
  for (const flag of ['--inspect', '--inspect-brk=0', '--cpu-prof', '--heap-prof', '--watch']) {
    test(`${flag} in execArgv or NODE_OPTIONS is refused, and nothing starts`, async () => {
      const before = descendants()
      for (const options of [
        { execArgv: [flag] },
        { env: { ...process.env, NODE_OPTIONS: `--no-warnings ${flag}` } },
      ]) {
        await assert.rejects(ForkServer.start(options), (error: Error & { code: string }) => {
          assert.equal(error.name, 'UsageError')
          assert.equal(error.code, 'ERR_INVALID_OPTION')
          assert.ok(error.message.includes(flag.split('=')[0]!), error.message)
          return true
        })
      }
      assert.deepEqual(descendants(), before)
    })
  }

  // V8 draws from the generator of Math.random() for each key of a WeakMap. Freezing the intrinsics draws thousands of times, and the
  // generator was then not found: it was looked for within 4,096 steps of its seed.
  const draws = 'data:text/javascript,const keys = new WeakMap(); for (let i = 0; i < 2e5; i++) keys.set({}, i)'
  for (const execArgv of [['--frozen-intrinsics'], ['--import', draws]]) {
    test(`${execArgv.join(' ').slice(0, 40)}: children run, and draw different numbers`, async () => {
      await using server = await ForkServer.start({ execArgv })
      assert.equal(server.startMethod, usual, server.spawnReason)
      const drawn = await Promise.all(
        [1, 2].map(async () => {
          const p = await new Process(around.draw, [], { server }).start()
          return await p.result
        }),
      )
      assert.notEqual(drawn[0], drawn[1])
    })
  }

  test('a flag that Node does not know: the template does not start, and the error says so', async () => {
    await assert.rejects(ForkServer.start({ execArgv: ['--no-such-flag-of-node'] }), {
      name: 'TemplateError',
      code: 'ERR_TEMPLATE_START',
      message: /exit code 9/,
    })
  })

  test('a harmless flag reaches the template and its children', async () => {
    await using server = await ForkServer.start({ execArgv: ['--stack-trace-limit=3'], preload: [jobs.module] })
    const p = await new Process(jobs.stackTraceLimit, [], { server }).start()
    assert.equal(await p.result, 3)
  })

  test('--v8-pool-size gives each child so many worker threads; without it there is one', async () => {
    const countThreads = async (execArgv: string[]): Promise<number> => {
      await using server = await ForkServer.start({ execArgv, preload: [jobs.module] })
      const p = await new Process(jobs.countThreads, [], { server }).start()
      return await p.result
    }
    const alone = await countThreads([])
    assert.equal(await countThreads(['--v8-pool-size=4']), alone + 3)
    assert.equal(await countThreads(['--v8-pool-size=4', '--v8-pool-size=1']), alone)
  })
})

describe('a preload that prints', () => {
  for (const toFile of [false, true]) {
    test(`prints once, and its children print what is theirs, to a ${toFile ? 'file' : 'pipe'}`, async () => {
      const program = toFile
        ? runProgram('sh', ['-c', 'f=$(mktemp); "$0" "$1" > "$f"; cat "$f"; rm "$f"', process.execPath, PRINTER])
        : runProgram(process.execPath, [PRINTER])
      while ((await program.nextLine()) !== undefined);
      assert.deepEqual(await program.ended, { exitCode: 0, signal: null, stderr: '' })
      assert.deepEqual([...program.lines].sort(), ['child 1', 'child 2', 'child 3', 'owner', 'preload'])
    })
  }
})

describe('a preload in TypeScript', () => {
  test('works where this Node strips types', { skip: !stripsTypes && 'this Node does not strip types' }, async () => {
    await using server = await ForkServer.start({ preload: [typed.module], warmup: typed.titleOf })
    const p = await new Process(typed.titleOf, [{ title: 'from its owner' }], { server }).start()
    assert.equal(await p.result, 'from its owner')
  })
})
