// Runs in: the test runner. The package as its consumers meet it: CommonJS and ES modules, and everything that a
// tarball needs.
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

test('what package.json names is there', () => {
  const { exports, files } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string; default: string }>
    files: string[]
  }
  const named = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)))
  for (const name of [...named, ...files]) assert.ok(existsSync(path.join(ROOT, name)), name)
})

test('importing it does nothing: no warning, no process, and nothing that keeps the program from ending', async () => {
  const code = "await import('forkserver'); console.log('loaded')"
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ROOT,
    timeout: 60_000,
  })
  assert.deepEqual({ stdout, stderr }, { stdout: 'loaded\n', stderr: '' })
})
