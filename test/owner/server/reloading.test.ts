// Runs in: the test runner. The option watch: an edited preload is never stale.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ForkServer, Pool, Process, remote, type StartOptions } from 'forkserver'
import { descendants, until, watchLeaks } from '../../support/leaks.js'
import { ModuleFolder, type Versioned } from '../../support/modules.js'

watchLeaks()

const LIMIT = { timeout: 240_000 }
const folder = new ModuleFolder()

/** Writes a module of a folder of its own, which others may stand beside. Returns its URL. */
function moduleIn(name: string, text: string): string {
  mkdirSync(path.join(folder.path, path.dirname(name)), { recursive: true })
  return pathToFileURL(folder.write(name, text)).href
}

const watching = (module: string, options: StartOptions = {}): Promise<ForkServer> =>
  ForkServer.start({ preload: [module], watch: true, ...options })

async function versionOf(server: ForkServer, module: string): Promise<string> {
  const process = await new Process(remote<Versioned>(module).version, [], { server, stdio: 'ignore' }).start()
  const version = await process.result
  await process.join()
  return version
}

describe('a start directly after a change', LIMIT, () => {
  const sources: Record<string, { main: string; file: string; text(value: string): string }> = {
    'of the module itself': {
      main: 'version.mjs',
      file: 'version.mjs',
      text: (value) => `export const version = () => '${value}'`,
    },
    'of an imported module': {
      main: "import { value } from './part.mjs'; export const version = () => value",
      file: 'part.mjs',
      text: (value) => `export const value = '${value}'`,
    },
    'of a CommonJS module that a module imports': {
      main: "import part from './part.cjs'; export const version = () => part.value",
      file: 'part.cjs',
      text: (value) => `exports.value = '${value}'`,
    },
    'of a module that a CommonJS module requires': {
      main: "import one from './one.cjs'; export const version = () => one.value",
      file: 'two.cjs',
      text: (value) => `exports.value = '${value}'`,
    },
    'of JSON that is required': {
      main: `
        import { createRequire } from 'node:module'
        const { value } = createRequire(import.meta.url)('./v.json')
        export const version = () => value`,
      file: 'v.json',
      text: (value) => JSON.stringify({ value }),
    },
    'of a package': {
      main: "import { value } from 'part'; export const version = () => value",
      file: 'node_modules/part/index.mjs',
      text: (value) => `export const value = '${value}'`,
    },
  }
  for (const [index, [title, { main, file, text }]] of Object.entries(sources).entries()) {
    test(title, async () => {
      const place = `case${index}`
      const isItself = main === file
      moduleIn(`${place}/one.cjs`, isItself ? '' : "exports.value = require('./two.cjs').value")
      moduleIn(`${place}/node_modules/part/package.json`, '{"name":"part","exports":"./index.mjs"}')
      moduleIn(`${place}/${file}`, text('old'))
      const module = isItself
        ? pathToFileURL(path.join(folder.path, place, file)).href
        : moduleIn(`${place}/main.mjs`, main)
      const server = await watching(module)
      assert.equal(await versionOf(server, module), 'old')
      const { pid } = server
      assert.equal(await versionOf(server, module), 'old')
      assert.equal(server.pid, pid, 'nothing has changed')
      moduleIn(`${place}/${file}`, text('new'))
      assert.equal(await versionOf(server, module), 'new')
      assert.notEqual(server.pid, pid)
      await server.close()
    })
  }

  test('of a file that did not exist', async () => {
    const text = `
      import { createRequire } from 'node:module'
      let value = 'old'
      try { value = createRequire(import.meta.url)('./local.cjs') } catch {}
      export const version = () => value`
    const module = moduleIn('optional/main.mjs', text)
    const server = await watching(module)
    assert.equal(await versionOf(server, module), 'old')
    moduleIn('optional/local.cjs', "module.exports = 'new'")
    assert.equal(await versionOf(server, module), 'new')
    rmSync(path.join(folder.path, 'optional/local.cjs'))
    assert.equal(await versionOf(server, module), 'old')
    await server.close()
  })

  test('while the template loads', async () => {
    const module = moduleIn(
      'during.mjs',
      "export const version = () => 'old'; await new Promise((r) => setTimeout(r, 300))",
    )
    const starting = watching(module)
    await new Promise((resolve) => setTimeout(resolve, 100))
    moduleIn('during.mjs', "export const version = () => 'new'")
    const server = await starting
    assert.equal(await versionOf(server, module), 'new')
    await server.close()
  })

  test('that is written in several steps', async () => {
    const module = moduleIn('steps.mjs', "export const version = () => 'old'")
    const file = path.join(folder.path, 'steps.mjs')
    const server = await watching(module)
    writeFileSync(file, '')
    const asked = versionOf(server, module)
    writeFileSync(file, 'export const version = () =>')
    await new Promise((resolve) => setTimeout(resolve, 20))
    writeFileSync(file, "export const version = () => 'new'")
    assert.equal(await asked, 'new')
    await server.close()
  })

  test('is not disturbed by starts at the same time', async () => {
    const module = moduleIn('many.mjs', "export const version = () => 'old'")
    const server = await watching(module)
    moduleIn('many.mjs', "export const version = () => 'new'")
    const versions = await Promise.all(Array.from({ length: 6 }, () => versionOf(server, module)))
    assert.deepEqual(new Set(versions), new Set(['new']))
    await server.close()
  })
})

describe('without a start', LIMIT, () => {
  test('the server restarts soon, and workers of its pools are replaced', async () => {
    const module = moduleIn('soon.mjs', "export const version = () => 'old'")
    const server = await watching(module)
    const pool = new Pool({ server, processes: 1, minProcesses: 1 })
    assert.equal(await pool.run(remote<Versioned>(module).version, []), 'old')
    const [worker] = pool.stats().workers
    const { pid } = server
    moduleIn('soon.mjs', "export const version = () => 'new'")
    assert.ok(await until(() => server.pid !== pid, 20_000))
    assert.ok(await until(() => pool.stats().workers.every((one) => one.pid !== worker!.pid), 20_000))
    assert.equal(await pool.run(remote<Versioned>(module).version, []), 'new')
    pool.close()
    await pool.join()
    await server.close()
  })

  test('a file beside that is not loaded restarts nothing', async () => {
    const module = moduleIn('beside/main.mjs', "export const version = () => 'old'")
    const server = await watching(module)
    const { pid } = server
    moduleIn('beside/other.mjs', '')
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(await versionOf(server, module), 'old')
    assert.equal(server.pid, pid)
    await server.close()
  })
})

describe('a change that cannot be loaded', LIMIT, () => {
  test('is told by a warning; starts fail with its error until it is corrected', async () => {
    const module = moduleIn('broken.mjs', "export const version = () => 'old'")
    const server = await watching(module)
    const { pid } = server
    const running = new Pool({ server, processes: 1 })
    assert.equal(await running.run(remote<Versioned>(module).version, []), 'old')
    const warnings: (Error & { code?: string })[] = []
    const listener = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listener)
    moduleIn('broken.mjs', "export const version = () => 'new'; throw new RangeError('broken')")
    assert.ok(await until(() => warnings.length > 0, 20_000))
    process.off('warning', listener)
    assert.equal(warnings[0]!.code, 'FORKSERVER_RELOAD')
    assert.match(warnings[0]!.message, /RangeError: broken/)
    for (let count = 0; count < 2; count++)
      await assert.rejects(versionOf(server, module), { code: 'ERR_PRELOAD_FAILED' })
    assert.equal(server.pid, pid, 'the template before is still there')
    assert.equal(await running.run(remote<Versioned>(module).version, []), 'old', 'a worker that runs goes on')
    moduleIn('broken.mjs', 'export const version = () =>')
    await assert.rejects(versionOf(server, module), { code: 'ERR_PRELOAD_FAILED' })
    moduleIn('broken.mjs', "export const version = () => 'new'")
    assert.equal(await versionOf(server, module), 'new')
    running.close()
    await running.join()
    await server.close()
  })
})

describe('close()', LIMIT, () => {
  /** The warnings while this runs. */
  async function warningsIn(run: () => Promise<void>): Promise<string[]> {
    const codes: string[] = []
    const listener = (warning: Error & { code?: string }): void => void codes.push(String(warning.code))
    process.on('warning', listener)
    await run()
    await new Promise((resolve) => setImmediate(resolve)) // they are emitted a moment later
    process.off('warning', listener)
    return codes
  }

  test('a process that was asked for before, directly after a change, still starts, with one restart', async () => {
    const module = moduleIn('closing.mjs', "export const version = () => 'old'")
    const server = await watching(module)
    let starts = 0
    const count = (): void => void starts++
    subscribe('forkserver:template:start', count)
    const codes = await warningsIn(async () => {
      moduleIn('closing.mjs', "export const version = () => 'new'")
      const asked = versionOf(server, module)
      const closed = server.close()
      assert.equal(await asked, 'new')
      await closed
    })
    unsubscribe('forkserver:template:start', count)
    assert.deepEqual([starts, codes], [1, []])
    await assert.rejects(versionOf(server, module), { code: 'ERR_INVALID_STATE' })
  })

  test('a restart that nobody waits for ends, without a warning', async () => {
    const module = moduleIn('ended.mjs', "export const version = () => 'old'")
    const server = await watching(module)
    const templates = (): number => descendants().filter((line) => line.includes('main/template.js')).length
    const codes = await warningsIn(async () => {
      moduleIn('ended.mjs', 'await new Promise((resolve) => setTimeout(resolve, 60_000))')
      assert.ok(await until(() => templates() === 2))
      await server.close()
    })
    assert.deepEqual([templates(), codes], [0, []])
  })
})

test('a preload that writes a module of its own does not restart for ever', LIMIT, async () => {
  const text = `
    import { writeFileSync, existsSync } from 'node:fs'
    const part = new URL('./written.mjs', import.meta.url)
    if (!existsSync(part)) writeFileSync(part, '')
    await import(part)
    writeFileSync(part, 'export default ' + Math.random())
    export const version = () => 'same'`
  const module = moduleIn('writes/main.mjs', text)
  let starts = 0
  const count = (): void => {
    starts++
  }
  subscribe('forkserver:template:start', count)
  const server = await watching(module)
  for (let tries = 0; tries < 3; tries++) assert.equal(await versionOf(server, module), 'same')
  await new Promise((resolve) => setTimeout(resolve, 500))
  unsubscribe('forkserver:template:start', count)
  assert.ok(starts <= 4, `${starts} starts`)
  await server.close()
})

test('jobs see neither what Node reports by nor the variable that asks for it', LIMIT, async () => {
  const text = `
    const before = [typeof process.send, process.env.WATCH_REPORT_DEPENDENCIES]
    export const version = () => JSON.stringify([typeof process.send, process.env.WATCH_REPORT_DEPENDENCIES])`
  const module = moduleIn('hidden.mjs', text)
  for (const value of [undefined, '1']) {
    const env = { ...process.env }
    delete env.WATCH_REPORT_DEPENDENCIES
    if (value) env.WATCH_REPORT_DEPENDENCIES = value
    const server = await watching(module, { env })
    const child = new Process(remote<Versioned>(module).version, [], { server, env, stdio: 'ignore' })
    await child.start()
    assert.deepEqual(JSON.parse(await child.result), ['undefined', value ?? null])
    await child.join()
    await server.close()
  }
})

test('with start method spawn nothing is watched, because each process loads anew', LIMIT, async () => {
  const module = moduleIn('spawned.mjs', "export const version = () => 'old'")
  const server = await watching(module, { startMethod: 'spawn' })
  moduleIn('spawned.mjs', "export const version = () => 'new'")
  assert.equal(await versionOf(server, module), 'new')
  await server.close()
})
