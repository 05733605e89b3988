// Runs in: the test runner. Which modules of packages a process has loaded beyond its template (option recordModules).
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import module from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ForkServer, Process, program, type Reference, remote } from 'forkserver'
import { contract, HANG_MS } from './contract.js'

const FILES: Record<string, string> = {
  'jobs.mjs': `
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    export const requires = () => [require('common'), require('common/sub.js'), require('./own.cjs')].length
    export const imports = async () => (await import('modern')).default + (await import('common')).default
    export const exits = () => { require('common'); process.exit(3) }
    export const dies = () => { require('common'); process.kill(process.pid, 'SIGKILL') }`,
  'own.cjs': "module.exports = require('deep')",
  'program.cjs': "require('common')",
  'node_modules/common/package.json': '{ "name": "common", "main": "main.js" }',
  'node_modules/common/main.js': "require('./inner.js'); require('deep'); module.exports = 1",
  'node_modules/common/inner.js': '',
  'node_modules/common/sub.js': '',
  'node_modules/deep/index.js': 'module.exports = 2',
  'node_modules/modern/package.json': '{ "name": "modern", "type": "module", "exports": "./main.js" }',
  'node_modules/modern/main.js': "import './inner.js'; export default 3",
  'node_modules/modern/inner.js': "import 'deep'",
  'node_modules/tool/bin.js': "require('./lib.js'); require('common')",
  'node_modules/tool/lib.js': "require('deep')",
}

/** In Node 20 hooks run in a thread only, and ES modules are not recorded. */
const seesEsModules = 'registerHooks' in module

let folder = ''
before(() => {
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-recorded-')))
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
  process.once('exit', () => rmSync(folder, { recursive: true }))
})

const job = (name: string): Reference => remote(path.join(folder, 'jobs.mjs'))[name]!
const urls = (...names: string[]): string[] =>
  names.map((name) => pathToFileURL(path.join(folder, 'node_modules', name)).href).sort()

async function recorded(server: ForkServer, name: string): Promise<readonly string[] | undefined> {
  const p = await new Process(job(name), [], { server, recordModules: true }).start()
  await p.join()
  await p.result.catch(() => {})
  return p.loadedModules && [...p.loadedModules].sort()
}

contract('recorded modules', (site) => {
  test('what its own code requires, and not what these require in turn', async () => {
    // deep: common required it first, but a file of the program asks for it, too. The cache knows the first only.
    assert.deepEqual(await recorded(site.server, 'requires'), urls('common/main.js', 'common/sub.js'))
  })

  test('what its own code imports', async () => {
    // Without the hook nobody knows that it was a package that imported `deep`.
    const others = seesEsModules ? ['modern/main.js'] : ['deep/index.js']
    const expected = urls('common/main.js', ...others)
    assert.deepEqual(await recorded(site.server, 'imports'), expected)
  })

  test('also if it calls process.exit()', async () => {
    assert.deepEqual(await recorded(site.server, 'exits'), urls('common/main.js'))
  })

  test('nothing is known if a signal ends it', async () => {
    assert.equal(await recorded(site.server, 'dies'), undefined)
  })

  test('of a program', async () => {
    const p = new Process(program(path.join(folder, 'program.cjs')), [], { server: site.server, recordModules: true })
    await (await p.start()).join()
    assert.deepEqual(p.loadedModules, urls('common/main.js'))
  })

  test('of a program that is a command of a package: what the command requires, and not itself', async () => {
    const bin = program(path.join(folder, 'node_modules/tool/bin.js'))
    const p = new Process(bin, [], { server: site.server, recordModules: true })
    await (await p.start()).join()
    assert.deepEqual([...(p.loadedModules ?? [])].sort(), urls('common/main.js', 'tool/lib.js'))
  })

  test('nobody is told without the option', async () => {
    const p = await new Process(job('requires'), [], { server: site.server }).start()
    await p.join()
    assert.equal(p.loadedModules, undefined)
  })
})

test('what the template has loaded is not recorded', { timeout: HANG_MS }, async () => {
  const preload = urls('common/main.js', 'modern/main.js')
  await using server = await ForkServer.start({ startMethod: 'forkserver', preload })
  assert.deepEqual(await recorded(server, 'requires'), urls('common/sub.js'))
  // The hook cannot know whether the template has loaded an ES module.
  const again = seesEsModules ? urls('modern/main.js') : []
  assert.deepEqual(await recorded(server, 'imports'), again)
})
