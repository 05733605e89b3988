// Runs in: the test runner. The templates of a tool: started behind its back, replaced when more is learnt, and gone
// with the tool. What was learnt is there in the next run.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type ForkServer, Process, type Reference, remote } from 'forkserver'
import { TemplateRegistry } from '#src/registry/template-registry.js'
import type { TemplateRequest } from '#src/registry/template-request.js'
import { until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const FILES: Record<string, string> = {
  'package-lock.json': '{}',
  'jobs.cjs': `
    exports.pidOfLoad = () => require('noting')
    exports.wantsDocument = () => require('browser')`,
  'node_modules/noting/index.js': 'module.exports = process.pid',
  'node_modules/browser/index.js': "module.exports = typeof document === 'undefined' ? process.pid : 0",
  'node_modules/broken/index.js': "throw new Error('broken')",
}
const LIMIT = { timeout: 60_000 }

let folder = ''
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-registry-')))
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Closed with its test. */
class Registry extends TemplateRegistry implements AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const request: TemplateRequest = { tool: 'test@1' }
const job = (name: string): Reference => remote(path.join(folder, 'jobs.cjs'))[name]!
const moduleUrl = (name: string): string => pathToFileURL(path.join(folder, 'node_modules', name, 'index.js')).href

/** Runs a job in a process of the server that is ready, as a tool would, and teaches what it loaded. */
async function run(registry: TemplateRegistry, name: string, server: ForkServer): Promise<unknown> {
  const p = await new Process(job(name), [], { server, recordModules: true }).start()
  const result = await p.result
  await p.join()
  registry.learn(request, p.loadedModules!)
  return result
}

const cacheFiles = (): string[] => {
  const cache = path.join(folder, 'node_modules', '.cache', 'forkserver')
  return existsSync(cache) ? readdirSync(cache).map((name) => path.join(cache, name)) : []
}
const kept = (): { modules: string[]; struck: Record<string, string> } => {
  const files = cacheFiles()
  assert.equal(files.length, 1, String(files))
  return JSON.parse(readFileSync(files[0]!, 'utf8'))
}

describe('a registry', () => {
  test('has no server at first, and one later', LIMIT, async () => {
    await using registry = new Registry(folder)
    assert.equal(registry.serverFor(request), undefined)
    const server = await registry.ready(request)
    assert.equal(server?.startMethod, 'forkserver')
    assert.equal(registry.serverFor({ ...request }), server, 'an equal request has the same')
    assert.equal(registry.serverFor({ ...request, execArgv: ['--expose-gc'] }), undefined, 'another one has another')
  })

  test('learns, replaces the template, and the next run begins with what was learnt', LIMIT, async () => {
    {
      await using registry = new Registry(folder)
      const first = (await registry.ready(request))!
      assert.notEqual(await run(registry, 'pidOfLoad', first), first.pid, 'the first process loads it itself')
      assert.equal(registry.serverFor(request), first, 'the template before serves until the new one is ready')
      const second = (await registry.ready(request))!
      assert.notEqual(second, first)
      assert.equal(await run(registry, 'pidOfLoad', second), second.pid, 'now it is preloaded')
      assert.equal(await registry.ready(request), second, 'nothing new was learnt')
      assert.deepEqual(kept().modules, ['node_modules/noting/index.js'])
    }
    await using registry = new Registry(folder)
    const server = (await registry.ready(request))!
    assert.equal(await run(registry, 'pidOfLoad', server), server.pid)
  })

  test('strikes off what would behave differently or cannot be loaded, once and for all', LIMIT, async () => {
    {
      await using registry = new Registry(folder)
      await registry.ready(request)
      registry.learn(request, ['browser', 'noting', 'broken'].map(moduleUrl))
      const server = (await registry.ready(request))!
      assert.notEqual(await run(registry, 'wantsDocument', server), server.pid)
      assert.equal(await run(registry, 'pidOfLoad', server), server.pid)
      assert.equal(await registry.ready(request), server, 'it is not learnt again')
    }
    const { modules, struck } = kept()
    assert.deepEqual(modules, ['node_modules/noting/index.js'])
    assert.match(struck['node_modules/browser/index.js']!, /document/)
    assert.match(struck['node_modules/broken/index.js']!, /broken/)
    await using registry = new Registry(folder)
    const server = (await registry.ready(request))!
    assert.deepEqual(server.report!.skipped, [], 'the next run does not try it')
  })

  test('strikes off what changes the environment or the language for others', LIMIT, async () => {
    const code = {
      environment: "process.env.BY_PACKAGE = 'set'; module.exports = 1",
      polyfill: 'Reflect.byPackage ??= () => 1; module.exports = 1',
    }
    for (const [name, text] of Object.entries(code)) {
      mkdirSync(path.join(folder, 'node_modules', name))
      writeFileSync(path.join(folder, 'node_modules', name, 'index.js'), text)
    }
    const file = path.join(folder, 'looks.cjs')
    writeFileSync(file, 'exports.looks = () => [process.env.BY_PACKAGE, typeof Reflect.byPackage]')
    await using registry = new Registry(folder)
    await registry.ready(request)
    registry.learn(request, [...Object.keys(code), 'noting'].map(moduleUrl))
    const server = (await registry.ready(request))!
    const p = await new Process(remote(file).looks!, [], { server }).start()
    assert.deepEqual(await p.result, [undefined, 'undefined'])
    const { modules, struck } = kept()
    assert.deepEqual(modules, ['node_modules/noting/index.js'])
    assert.match(struck['node_modules/environment/index.js']!, /changes process\.env\.BY_PACKAGE while/)
    assert.match(struck['node_modules/polyfill/index.js']!, /changes Reflect\.byPackage while/)
  })

  test('strikes nothing off for good if nobody knows what ended a start', LIMIT, async () => {
    const marker = path.join(folder, 'marker')
    const kills = path.join(folder, 'node_modules', 'browser', 'index.js')
    const code = `if (require('node:fs').existsSync(${JSON.stringify(marker)})) process.kill(process.pid, 'SIGKILL')`
    writeFileSync(kills, code)
    writeFileSync(marker, '')
    const names = ['browser', 'noting'].map((name) => `node_modules/${name}/index.js`)
    {
      await using registry = new Registry(folder)
      registry.learn(request, ['browser', 'noting'].map(moduleUrl))
      const server = (await registry.ready(request))!
      assert.notEqual(await run(registry, 'pidOfLoad', server), server.pid, 'it does without all of them')
      assert.deepEqual(kept(), { stamp: (kept() as { stamp?: string }).stamp, modules: names, struck: {} })
    }
    rmSync(marker)
    await using registry = new Registry(folder)
    const server = (await registry.ready(request))!
    assert.equal(await run(registry, 'pidOfLoad', server), server.pid)
  })

  test('learns nothing if it is asked not to', LIMIT, async () => {
    const plain = { ...request, learns: false }
    await using registry = new Registry(folder)
    const server = await registry.ready(plain)
    registry.learn(plain, [moduleUrl('noting')])
    assert.equal(await registry.ready(plain), server)
    assert.deepEqual(cacheFiles(), [])
  })

  test('does not learn packages that are excluded', LIMIT, async () => {
    const choosy = { ...request, exclude: ['noting', '@scope/other'] }
    await using registry = new Registry(folder)
    const server = await registry.ready(choosy)
    registry.learn(choosy, [moduleUrl('noting')])
    assert.equal(await registry.ready(choosy), server)
    registry.learn(choosy, [moduleUrl('noting'), moduleUrl('browser')])
    assert.deepEqual(kept().modules, ['node_modules/browser/index.js'])
  })

  test('makes a new template when the lock file has changed', LIMIT, async () => {
    await using registry = new Registry(folder)
    const server = (await registry.ready(request))!
    appendFileSync(path.join(folder, 'package-lock.json'), ' ')
    assert.equal(registry.serverFor(request), undefined)
    const next = (await registry.ready(request))!
    assert.notEqual(next.pid, server.pid)
  })

  test('what was learnt with another lock file is forgotten', LIMIT, async () => {
    {
      await using registry = new Registry(folder)
      await registry.ready(request)
      registry.learn(request, [moduleUrl('noting')])
    }
    assert.equal(kept().modules.length, 1)
    appendFileSync(path.join(folder, 'package-lock.json'), ' ')
    await using registry = new Registry(folder)
    const server = (await registry.ready(request))!
    assert.notEqual(await run(registry, 'pidOfLoad', server), server.pid)
  })

  test('closed while a template starts: nothing is left, and it starts nothing any more', LIMIT, async () => {
    const registry = new Registry(folder)
    registry.serverFor(request)
    await registry.close()
    assert.equal(await registry.ready(request), undefined)
    registry.learn(request, [moduleUrl('noting')])
  })

  test('a running process of a template that was replaced ends by itself', LIMIT, async () => {
    await using registry = new Registry(folder)
    const first = (await registry.ready(request))!
    const p = await new Process(remote('node:timers/promises').setTimeout!, [500, 'done'], { server: first }).start()
    registry.learn(request, [moduleUrl('noting')])
    assert.notEqual(await registry.ready(request), first)
    assert.equal(await p.result, 'done')
    assert.equal((await p.join()).exitCode, 0)
  })

  test('that cannot start a template leaves the tool alone', LIMIT, async () => {
    const broken = { ...request, preload: [moduleUrl('broken')] }
    await using registry = new Registry(folder)
    assert.equal(await registry.ready(broken), undefined)
    registry.learn(broken, [moduleUrl('noting')])
    assert.equal(await registry.ready(broken), undefined)
  })
})

test('a tool that ends while its template starts does not wait for it', LIMIT, async () => {
  const slow = path.join(folder, 'slow.cjs')
  writeFileSync(slow, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000)')
  const registryUrl = import.meta.resolve('#src/registry/template-registry.js')
  const code = `
    const { registryOf } = await import(${JSON.stringify(registryUrl)})
    registryOf().serverFor({ tool: 'test@1', preload: [${JSON.stringify(slow)}] })
    console.log(process.pid)`
  const flags = ['--input-type=module', '-e', code]
  const env = { ...process.env, TEST_FOLDER: folder }
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: folder, env, timeout: 20_000 })
  assert.match(stdout, /^\d+\n$/)
  const isGone = (): boolean =>
    !readdirSync('/proc').some((pid) => environmentOf(pid).includes(`TEST_FOLDER=${folder}`))
  assert.ok(await until(isGone, 5_000), 'its template is gone, too')
})

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return '' // it is gone, or no process
  }
}
