// Runs in: the test runner. The templates of a vitest with projects, which is none.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { registryOf } from '#src/registry/template-registry.js'
import { checkPoolSettings } from '#src/vitest/pool-settings.js'
import { TestTemplates } from '#src/vitest/test-templates.js'
import type { Vitest, WorkerOptions } from '#src/vitest/vitest-types.js'

const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-templates-')))
after(() => rmSync(folder, { recursive: true }))

class FakeVitest implements Vitest {
  readonly version = '0.0.0'
  readonly config = { watch: false }
  readonly state = { getPaths: (): string[] => [] }
  readonly logger = { outputStream: process.stdout, errorStream: process.stderr, warn(): void {} }
  readonly closes: (() => Promise<void>)[] = []
  onClose(callback: () => Promise<void>): void {
    this.closes.push(callback)
  }
}

function optionsOf(vitest: Vitest, root: string): WorkerOptions {
  mkdirSync(root, { recursive: true })
  return {
    distPath: '/vitest/dist',
    project: { vitest, config: { root, maxWorkers: 1 } },
    environment: { name: 'node', options: null },
    execArgv: [],
    env: {},
  }
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
