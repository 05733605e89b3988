// Runs in: the test runner. jest's configurations, as far as forkserver/jest reads them; and a jest that is none, in a
// folder of its own: quick, and it does what a test says.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import type { GlobalConfig, ProjectConfig, Test } from '#src/jest/child/jest-types.js'

export const PROJECT: ProjectConfig = {
  id: 'project',
  rootDir: '/app',
  runner: '/app/node_modules/forkserver/dist/jest/index.js',
  automock: false,
  detectLeaks: false,
  extensionsToTreatAsEsm: [],
  setupFiles: [],
  setupFilesAfterEnv: [],
  snapshotSerializers: [],
  injectGlobals: true,
  testEnvironment: '/app/node_modules/jest-environment-node/build/index.js',
  testRunner: '/app/node_modules/jest-circus/build/runner.js',
  transform: [],
  slowTestThreshold: 5,
}

/** A project whose test files get no prepared context. */
export const UNPREPARED: ProjectConfig = { ...PROJECT, runtime: '/app/runtime.js' }

export const GLOBAL: GlobalConfig = {
  rootDir: '/app',
  maxWorkers: 2,
  collectCoverage: false,
  coverageProvider: 'babel',
  detectOpenHandles: false,
}

const packageOf = (name: string): string => JSON.stringify({ name, version: '30.0.0' })

/** jest's own runner: says which files it was asked for. */
const RUNNER = `
class Runner {
  listeners = []
  on(name, listener) {
    this.listeners.push([name, listener])
    return () => {}
  }
  async runTests(tests) {
    for (const test of tests) {
      const result = { testFilePath: test.path, isPlain: true, perfStats: {} }
      for (const [name, listener] of this.listeners) if (name === 'test-file-success') await listener([test, result])
    }
  }
}
exports.default = Runner
`

/**
 * What jest's own workers run: a test file is a module that exports a function. `reallyExit` is the template's. A test
 * may replace setup.js.
 */
const WORKER = `
exports.setup = async ({ serializableResolvers }) => {
  require('../../setup.js')()
  for (const { config } of serializableResolvers) if (config.id === 'broken') throw new Error('it cannot be set up')
}
const { reallyExit } = process
exports.worker = async ({ config, globalConfig, path, context }) => {
  const found = await require(path)({ config, context, reallyExit })
  return { testFilePath: path, perfStats: {}, found }
}
`

/** A folder with such a jest. It is removed when the tests of this file are over. */
export class FakeJest {
  readonly folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-fake-jest-')))

  constructor() {
    after(() => rmSync(this.folder, { recursive: true }))
    this.write('package-lock.json', '{}')
    this.write('setup.js', 'module.exports = () => {}')
    this.write('node_modules/jest/package.json', packageOf('jest'))
    this.write('node_modules/@jest/core/package.json', packageOf('@jest/core'))
    this.write('node_modules/jest-runner/package.json', packageOf('jest-runner'))
    this.write('node_modules/jest-runner/index.js', RUNNER)
    this.write('node_modules/jest-runner/testWorker.js', WORKER)
    const worker = createRequire(import.meta.url).resolve('jest-worker/package.json')
    symlinkSync(path.dirname(worker), path.join(this.folder, 'node_modules', 'jest-worker'))
  }

  /** Returns the absolute path. */
  write(name: string, text: string): string {
    const file = path.join(this.folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  get workerFile(): string {
    return path.join(this.folder, 'node_modules', 'jest-runner', 'testWorker.js')
  }

  /** A test file whose tests are this function's body. */
  test(name: string, body: string, config: ProjectConfig = UNPREPARED): Test {
    const file = this.write(
      `${name}.test.js`,
      `module.exports = async ({ config, context, reallyExit }) => { ${body} }`,
    )
    return { path: file, context: { config, moduleMap: { toJSON: () => ({}) } } }
  }
}
