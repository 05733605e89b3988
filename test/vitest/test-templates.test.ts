// Runs in: the test runner. The templates of a vitest with projects, which is none.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { registryOf } from '#src/registry/template-registry.js'
import { checkPoolSettings } from '#src/vitest/pool-settings.js'
import { TestTemplates } from '#src/vitest/test-templates.js'
import type { WorkerOptions } from '#src/vitest/vitest-types.js'
import { watchLeaks } from '../support/leaks.js'
import { FakeVitest } from './fake-vitest.js'

const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-templates-')))
after(() => rmSync(folder, { recursive: true }))
watchLeaks()

function optionsOf(vitest: FakeVitest, root: string): WorkerOptions {
  mkdirSync(root, { recursive: true })
  return vitest.options({}, { root })
}

test('the end of vitest closes the templates of all its projects, each once', async () => {
  const templates = new TestTemplates(checkPoolSettings({}))
  const [vitest, other] = [new FakeVitest(), new FakeVitest()]
  const [a, b, c] = ['a', 'b', 'c'].map((name) => path.join(folder, name)) as [string, string, string]
  for (const root of [a, b, a, b]) await templates.serverFor(optionsOf(vitest, root))
  await templates.serverFor(optionsOf(other, c))
  const registries = [a, b, c].map((root) => registryOf(root))
  assert.deepEqual([vitest.closes.length, other.closes.length], [2, 1])
  for (const close of vitest.closes) await close()
  assert.deepEqual(
    registries.map(({ isClosed }) => isClosed),
    [true, true, false],
  )
  for (const close of other.closes) await close()
  assert.equal(registries[2]!.isClosed, true)
})

test('a template that could not be replaced serves on, and nothing is said; one that never came is told', async () => {
  const root = path.join(folder, 'replaced')
  const learnt = path.join(root, 'node_modules', 'learnt', 'index.js')
  const needed = path.join(root, 'needed.mjs')
  mkdirSync(path.dirname(learnt), { recursive: true })
  writeFileSync(path.join(root, 'package-lock.json'), '{}')
  writeFileSync(learnt, '')
  writeFileSync(needed, '')
  const vitest = new FakeVitest()
  const options = optionsOf(vitest, root)
  const templates = new TestTemplates(checkPoolSettings({ wait: true, preload: [pathToFileURL(needed)] }))
  const server = await templates.serverFor(options)
  assert.equal(server?.startMethod, 'forkserver')
  writeFileSync(needed, "throw new Error('broken since')")
  await templates.fileEnded(options, [pathToFileURL(learnt).href])
  assert.equal(await templates.serverFor(options), server, 'the next one could not be started')
  assert.deepEqual(vitest.warnings, [])
  for (const close of vitest.closes.splice(0)) await close()
  assert.equal(await templates.serverFor(options), undefined)
  assert.match(
    vitest.warnings.join(),
    /^forkserver\/vitest: Test files run in .* vitest's own, because .*broken since/s,
  )
  for (const close of vitest.closes) await close()
})

test('with learn: false a template is started although nothing was learnt', async () => {
  const vitest = new FakeVitest()
  vitest.state.getPaths = () => ['a', 'b', 'c', 'd', 'e']
  const options = optionsOf(vitest, path.join(folder, 'plain'))
  const templates = new TestTemplates(checkPoolSettings({ learn: false }))
  let server = await templates.serverFor(options)
  for (let turn = 0; !server && turn < 600; turn++) {
    await sleep(50)
    server = await templates.serverFor(options)
  }
  assert.equal(server?.startMethod, 'forkserver')
  for (const close of vitest.closes) await close()
})
