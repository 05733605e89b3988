// Runs in: the test runner. The package as programs load it: as CommonJS and as ES modules. test/package has the tests
// of the packed package.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { watchLeaks } from '../support/leaks.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const run = promisify(execFile)

watchLeaks()

const program = (load: string): string => `${load}
  const { module } = remote('node:os')
  ForkServer.start().then(async (server) => {
    const p = await new Process(remote(module).availableParallelism, [], { server }).start()
    console.log(typeof (await p.result), server.startMethod)
    await server.close()
  })`

test('a CommonJS program requires it', async () => {
  const code = program("const { ForkServer, Process, remote } = require('forkserver')")
  const { stdout } = await run(process.execPath, ['--input-type=commonjs', '-e', code], { cwd: ROOT })
  assert.match(stdout, /^number (forkserver|spawn)\n$/)
})

test('an ES module imports it', async () => {
  const code = program("import { ForkServer, Process, remote } from 'forkserver'")
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: ROOT })
  assert.match(stdout, /^number (forkserver|spawn)\n$/)
})

test('forkserver/connection is required and imported', async () => {
  const use = 'console.log(pickle.decode(pickle.encode({ a: [1, 2] })))'
  const ways = {
    commonjs: `const { pickle } = require('forkserver/connection'); ${use}`,
    module: `import { pickle } from 'forkserver/connection'; ${use}`,
  }
  for (const [type, code] of Object.entries(ways)) {
    const { stdout } = await run(process.execPath, [`--input-type=${type}`, '-e', code], { cwd: ROOT })
    assert.equal(stdout, '{ a: [ 1, 2 ] }\n')
  }
})

type Target = string | { [condition: string]: Target }

/** The files that a part of exports names. */
const filesOf = (target: Target): string[] =>
  typeof target === 'string' ? [target] : Object.values(target).flatMap(filesOf)

test('what package.json exports is there', () => {
  const { exports } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { exports: Target }
  assert.ok(filesOf(exports).length > 8)
  for (const name of filesOf(exports)) assert.ok(existsSync(path.join(ROOT, name)), name)
})

test('require() and import give the same functions and classes', async () => {
  const require = createRequire(import.meta.url)
  for (const name of ['forkserver', 'forkserver/connection']) {
    const imported = (await import(name)) as Record<string, unknown>
    const required = require(name) as Record<string, unknown>
    assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort())
    for (const [key, value] of Object.entries(imported)) assert.equal(required[key], value, key)
  }
})

test('importing it does nothing: no warning, no process, and nothing that keeps the program from ending', async () => {
  const code = "await import('forkserver'); console.log('loaded')"
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ROOT,
    timeout: 60_000,
  })
  assert.deepEqual({ stdout, stderr }, { stdout: 'loaded\n', stderr: '' })
})
