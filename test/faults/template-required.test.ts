// Runs in: the test runner. What --require and --import load before the template's own main: it works as in plain Node, sees nothing of
// forkserver, and spoils nothing for children. (What it leaves open: template-unforkable.test.ts.)
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const around = remote<typeof import('../fixtures/faults/surroundings.js')>(
  new URL('../fixtures/faults/surroundings.js', import.meta.url),
)

let folder: string
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-required-'))
})
after(() => rmSync(folder, { recursive: true }))

/** A module for --require, with this text. */
function required(name: string, text: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return file
}

describe('a module of --require', () => {
  test('prints, and children have streams of their own kind all the same', async () => {
    const prints = required('prints.cjs', "console.log('required'); process.stderr.write('required\\n')")
    await using server = await ForkServer.start({ execArgv: ['--require', prints] })
    const piped = await new Process(around.kindOfStdout, [], { server, stdio: ['ignore', 'pipe', 'inherit'] }).start()
    assert.equal(await piped.result, 'Socket')
    const ignored = await new Process(around.kindOfStdout, [], { server, stdio: 'ignore' }).start()
    assert.notEqual(await ignored.result, 'Socket')
  })

  test('sees NODE_OPTIONS and require.cache as plain Node has them, before anything else runs', async () => {
    const text =
      'const { NODE_OPTIONS, LD_PRELOAD } = process.env; ' +
      'if (NODE_OPTIONS !== "--no-warnings" || LD_PRELOAD || module.parent?.filename) throw new Error(NODE_OPTIONS)'
    const looks = required('looks.cjs', text)
    const env = { ...process.env, NODE_OPTIONS: '--no-warnings' }
    await using server = await ForkServer.start({ execArgv: ['--require', looks], env })
    assert.equal(server.spawnReason, undefined)
  })

  test('throws: the template does not start', async () => {
    const throws = required('throws.cjs', "throw new Error('on purpose')")
    await assert.rejects(ForkServer.start({ execArgv: ['--require', throws] }), { code: 'ERR_TEMPLATE_START' })
  })
})

describe('what a preload, a child and a thread of a child see', () => {
  for (const NODE_OPTIONS of [undefined, '', '--no-warnings', '--no-warnings --stack-trace-limit=20']) {
    test(`NODE_OPTIONS ${NODE_OPTIONS === undefined ? 'that is not set' : `'${NODE_OPTIONS}'`}`, async () => {
      const env = { ...process.env, NODE_OPTIONS }
      await using server = await ForkServer.start({ preload: [around.module], env })
      const p = await new Process(around.surroundings, [], { server, env, stdio: 'ignore' }).start()
      for (const { options, preload, cached } of await p.result) {
        assert.equal(options, NODE_OPTIONS)
        assert.equal(preload, process.env.LD_PRELOAD)
        assert.deepEqual(cached, [])
      }
    })
  }
})
