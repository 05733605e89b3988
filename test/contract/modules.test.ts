// Runs in: the test runner. Where the function comes from: every kind of module, and what is wrong with some.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Process, type Reference, remote, UsageError } from 'forkserver'
import { contract, errorOf, follow, jobs, rejectionOf, run } from './contract.js'

const FACE = fileURLToPath(import.meta.resolve('forkserver'))

let folder = ''

const FILES: Record<string, string> = {
  'common.cjs': `
    exports.double = (n) => 2 * n
    exports.where = () => [__filename, require.main === undefined || require.main !== module, typeof require]`,
  'whole.cjs': "module.exports = function whole() { return 'whole' }",
  'awaits.mjs': `
    const base = await new Promise((resolve) => setTimeout(() => resolve(40), 5))
    export const add = (n) => base + n`,
  'throws.mjs': `
    class BrokenModule extends SyntaxError { code = 'ERR_BROKEN_MODULE' }
    throw new BrokenModule('cannot be loaded')
    export function run() {}`,
  'throws.cjs': "throw Object.assign(new RangeError('cjs cannot be loaded'), { detail: [1] })",
  'syntax.mjs': 'export const run = () => {{',
  'empty.mjs': '',
  'name with spaces & ü#?.mjs': "export const run = () => 'odd name'",
  'node_modules/pretend-package/package.json':
    '{ "name": "pretend-package", "type": "module", "exports": { ".": "./main.js", "./sub": "./sub.js" } }',
  'node_modules/only-import/package.json':
    '{ "name": "only-import", "type": "module", "exports": { ".": { "import": "./main.js" } } }',
  'node_modules/only-import/main.js': "export const run = () => 'a package that cannot be required'",
  'node_modules/both-kinds/package.json':
    '{ "name": "both-kinds", "exports": { "import": "./main.mjs", "require": "./main.cjs" } }',
  'node_modules/both-kinds/main.mjs': "export const run = () => 'as import() has it'",
  'node_modules/both-kinds/main.cjs': "exports.run = () => 'as require() has it'",
  'node_modules/pretend-package/main.js': "export const run = () => 'the main of a package'",
  'node_modules/pretend-package/sub.js': "export const run = () => 'the sub of a package'",
}

before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-modules-'))
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
})
after(() => rmSync(folder, { recursive: true }))

/** A reference into one of FILES, whose functions have no types. */
function at(file: string, name: string): Reference {
  return remote(path.join(folder, file))[name]!
}

contract('modules', (site) => {
  test('a default export', async () => {
    assert.equal(await run(jobs.default, ['you'], { server: site.server }), 'hello you')
  })

  test('CommonJS: by name, and as a whole', async () => {
    assert.equal(await run(at('common.cjs', 'double'), [21] as never, { server: site.server }), 42)
    assert.equal(await run(at('whole.cjs', 'default'), [], { server: site.server }), 'whole')
    const where = await run(at('common.cjs', 'where'), [], { server: site.server })
    assert.deepEqual(where, [path.join(folder, 'common.cjs'), true, 'function'])
  })

  test('an ES module that awaits at its top level', async () => {
    assert.equal(await run(at('awaits.mjs', 'add'), [2] as never, { server: site.server }), 42)
  })

  test('a file whose name needs escapes', async () => {
    assert.equal(await run(at('name with spaces & ü#?.mjs', 'run'), [], { server: site.server }), 'odd name')
  })

  test('a package, found from the working directory of the owner', async () => {
    const leven = remote<typeof import('leven')>('leven')
    assert.equal(await run(leven.default, ['kitten', 'sitting'], { server: site.server }), 3)
  })

  test('a package, found from the working directory of the process', async () => {
    const options = { server: site.server, cwd: folder }
    assert.equal(await run(remote('pretend-package').run!, [], options), 'the main of a package')
    assert.equal(await run(remote('pretend-package/sub').run!, [], options), 'the sub of a package')
    assert.equal(await run(remote('only-import').run!, [], options), 'a package that cannot be required')
    assert.equal(await run(remote('both-kinds').run!, [], options), 'as import() has it')
    const missing = await follow(remote('pretend-package').run!, [], { server: site.server, cwd: os.tmpdir() })
    assert.equal(missing.exit.exitCode, 1)
    assert.ok('error' in missing.answer)
    assert.equal((missing.answer.error as NodeJS.ErrnoException).code, 'ERR_MODULE_NOT_FOUND')
  })

  test('a data: URL, and a module of Node', async () => {
    const text = 'export const twice = (text) => text + text'
    const twice = remote(`data:text/javascript,${encodeURIComponent(text)}`).twice!
    assert.equal(await run(twice, ['ab'] as never, { server: site.server }), 'abab')
    const nodePath = remote<typeof import('node:path')>('node:path')
    assert.equal(await run(nodePath.basename, ['/a/b.js'], { server: site.server }), 'b.js')
  })

  test('one that throws when it is imported rejects with its own error', async () => {
    const esm = await follow(at('throws.mjs', 'run'), [], { server: site.server })
    assert.ok('error' in esm.answer && esm.answer.error instanceof SyntaxError)
    const error = esm.answer.error as SyntaxError & { code: string }
    assert.equal(error.message, 'cannot be loaded')
    assert.equal(error.code, 'ERR_BROKEN_MODULE')
    assert.match(error.stack ?? '', /throws\.mjs:3/)
    assert.equal(esm.exit.exitCode, 1)
    const cjs = await follow(at('throws.cjs', 'run'), [], { server: site.server })
    assert.ok('error' in cjs.answer && cjs.answer.error instanceof RangeError)
    assert.deepEqual((cjs.answer.error as RangeError & { detail: unknown }).detail, [1])
    assert.match(cjs.answer.error.stack ?? '', /throws\.cjs:1/)
  })

  test('one that cannot be parsed, and one that is not there', async () => {
    const process = await new Process(at('syntax.mjs', 'run'), [], { server: site.server, stdio: 'ignore' }).start()
    await errorOf(process.result, SyntaxError)
    const absent = await new Process(at('absent.mjs', 'run'), [], { server: site.server, stdio: 'ignore' }).start()
    const error = (await rejectionOf(absent.result)) as NodeJS.ErrnoException
    assert.equal(error.code, 'ERR_MODULE_NOT_FOUND')
    assert.match(error.message, /absent\.mjs/)
    assert.deepEqual([(await process.join()).exitCode, (await absent.join()).exitCode], [1, 1])
  })
})

contract('exports', (site) => {
  const refusal = async (reference: Reference): Promise<UsageError> => {
    const process = await new Process(reference, [], { server: site.server, stdio: 'ignore' }).start()
    const error = await errorOf(process.result, UsageError)
    assert.equal(error.code, 'ERR_NOT_EXPORTED')
    assert.equal((await process.join()).exitCode, 1)
    return error
  }
  const untyped = remote(jobs.module)

  test('a misspelled one is refused, with the nearest', async () => {
    const { message } = await refusal(untyped.ecoh!)
    assert.match(message, /jobs\.js does not export 'ecoh'\. Did you mean 'echo'\?$/)
  })

  test('without a near one, all are listed', async () => {
    const { message } = await refusal(untyped.somethingElse!)
    assert.match(message, /does not export 'somethingElse'\. It exports .*echoLater, .*version/)
    assert.match((await refusal(at('empty.mjs', 'run'))).message, /It exports nothing\.$/)
  })

  test('what Object.prototype has is not exported', async () => {
    assert.match((await refusal(untyped.toString as unknown as Reference)).message, /does not export 'toString'/)
    assert.match((await refusal(untyped.constructor as unknown as Reference)).message, /does not export 'constructor'/)
  })

  test('one that is not a function is refused', async () => {
    assert.match((await refusal(untyped.version!)).message, /'version' of .*jobs\.js is not a function but string\.$/)
    assert.match((await refusal(untyped.nothing!)).message, /'nothing' of .*jobs\.js is not a function but null\.$/)
  })
})

contract(
  'preloaded modules',
  (site) => {
    test('run as others do', async () => {
      assert.equal(await run(jobs.echo, [1], { server: site.server }), 1)
      assert.equal(await run(jobs.default, ['you'], { server: site.server }), 'hello you')
      const leven = remote<typeof import('leven')>('leven')
      assert.equal(await run(leven.closestMatch, ['ab', ['xx', 'abc']], { server: site.server }), 'abc')
      const process = await new Process(remote(jobs.module).ecoh!, [], { server: site.server, stdio: 'ignore' }).start()
      assert.match((await errorOf(process.result, UsageError)).message, /Did you mean 'echo'\?$/)
      await process.join()
    })
  },
  { preload: [jobs.module, 'leven'], warmup: jobs.getPid },
)

test('preloading packages prints nothing: Node warns of what is experimental', async () => {
  const code = `import { ForkServer, Process, remote } from ${JSON.stringify(FACE)}
    const { run } = remote('only-import')
    const server = await ForkServer.start({ preload: ['only-import', 'both-kinds'] })
    const p = await new Process(run, [], { server }).start()
    console.log(await p.result)
    await server.close()`
  const file = path.join(folder, 'preloads.mjs')
  writeFileSync(file, code)
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: folder })
  assert.deepEqual({ stdout, stderr }, { stdout: 'a package that cannot be required\n', stderr: '' })
})
