// Runs in: the test runner. A context that is made in the name of one test file, and used for another.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import type { Framework, ProjectConfig, TestResult } from '#src/jest/child/jest-types.js'
import { PreparedContext } from '#src/jest/child/prepared-context.js'
import { FakeJest, PROJECT } from '../configurations.js'

const jest = new FakeJest()
const NOMINAL = '/app/nominal.test.js'
const MOCKING = [
  ...['setMock', 'setModuleMock', 'markExplicitCjsMock', 'unmockCjs', 'unmockEsm', 'deepUnmock'],
  ...['enableAutomock', 'disableAutomock', 'addOnGenerateMock'],
]

jest.write('circus/jestAdapterInit.js', '')

/** A framework that says for which file it was called. */
const FRAMEWORK = `async (globalConfig, config, environment, runtime, path) => {
  const seen = { path, testPath: runtime.testPath, pid: environment.global.process.pid }
  return { testFilePath: 'nominal', perfStats: { start: 1, own: 2 }, seen }
}`

interface Seen {
  path: string
  testPath: string
  pid: number
}

function makeRuntime(testPath: string, internals: string[]): object {
  return {
    testPath,
    resolver: { from: testPath },
    registries: { getActiveCjsRegistry: () => new Map() },
    mockState: Object.fromEntries(MOCKING.map((name) => [name, () => {}])),
    requireModule() {},
    requireInternalModule: (file: string) => internals.push(file),
  }
}

/** jest's runTest(): makes environment and runtime, and calls the framework. */
function runTest(config: ProjectConfig, runtime: object, env: NodeJS.ProcessEnv = {}): () => Promise<TestResult> {
  return async () => {
    const loaded = createRequire(config.testRunner)(config.testRunner) as Framework | { default: Framework }
    const framework = typeof loaded === 'function' ? loaded : loaded.default
    const environment = { global: { process: { pid: 1, ppid: 1, env } } }
    return framework({} as never, config, environment as never, runtime as never, NOMINAL, undefined)
  }
}

for (const [how, exports] of [
  ['module.exports', 'module.exports ='],
  ['a default export', 'exports.default ='],
] as const)
  test(`a framework that is ${how} runs the file of the child`, async () => {
    const testRunner = jest.write(`circus/${how.replaceAll(/\W/g, '-')}.js`, `${exports} ${FRAMEWORK}`)
    const config = { ...PROJECT, testRunner }
    const original = createRequire(testRunner)(testRunner)
    const internals: string[] = []
    const runtime = makeRuntime(NOMINAL, internals)
    const prepared = await PreparedContext.make(config, NOMINAL, runTest(config, runtime), [])
    assert.ok(prepared)
    assert.equal(createRequire(testRunner)(testRunner), original, 'the framework is in its place again')
    assert.match(internals.join(), /circus\/jestAdapterInit\.js$/)
    const result = (await prepared.runFile('/app/b.test.js')) as TestResult & { seen: Seen }
    assert.equal(result.testFilePath, '/app/b.test.js')
    assert.deepEqual(result.seen, { path: '/app/b.test.js', testPath: '/app/b.test.js', pid: process.pid })
    assert.equal(result.perfStats.own, 2)
    assert.ok((result.perfStats.start as number) > 1, 'the time of the file, not of the template')
    assert.equal(result.perfStats.slow, false)
  })

test('none for a runtime without the path of its test file, or without known registries', async () => {
  const config = { ...PROJECT, testRunner: jest.write('circus/none.js', `module.exports = ${FRAMEWORK}`) }
  const ofOther = makeRuntime('/app/other.test.js', [])
  assert.equal(await PreparedContext.make(config, NOMINAL, runTest(config, ofOther), []), undefined)
  const unknown = { ...makeRuntime(NOMINAL, []), registries: undefined }
  assert.equal(await PreparedContext.make(config, NOMINAL, runTest(config, unknown), []), undefined)
})

test('a module that changes what others find: the context is made anew without it', async () => {
  const config = { ...PROJECT, testRunner: jest.write('circus/spoilt.js', `module.exports = ${FRAMEWORK}`) }
  const code: Record<string, (env: NodeJS.ProcessEnv) => void> = {
    '/spoils.js': (env) => {
      env.BY_MODULE = '1'
    },
    '/throws.js': () => {
      throw new Error('no')
    },
    '/kept.js': () => {},
  }
  const envs: NodeJS.ProcessEnv[] = []
  let ended = 0
  const run = async (): Promise<TestResult> => {
    const env: NodeJS.ProcessEnv = {}
    envs.push(env)
    const registry = new Map<string, object>()
    const requireModule = (_from: string, name: string): void => {
      registry.set(name, { filename: name })
      code[name]!(env)
    }
    const others = { requireModule, registries: { getActiveCjsRegistry: () => registry } }
    const runtime = { ...makeRuntime(NOMINAL, []), ...others }
    return runTest(config, runtime, env)().finally(() => ended++)
  }
  const prepared = await PreparedContext.makeClean(config, NOMINAL, run, Object.keys(code))
  assert.deepEqual(prepared?.struck, ['/spoils.js', '/throws.js'])
  assert.deepEqual(envs, [{ BY_MODULE: '1' }, {}])
  assert.equal(ended, 1, 'the first one was taken down')
  assert.equal((await prepared!.runFile('/app/b.test.js')).testFilePath, '/app/b.test.js')
})

test('an environment that cannot be made is an error, and the framework is in its place again', async () => {
  const testRunner = jest.write('circus/fails.js', `module.exports = ${FRAMEWORK}`)
  const config = { ...PROJECT, testRunner }
  const original = createRequire(testRunner)(testRunner)
  const run = (): Promise<TestResult> => Promise.reject(new Error('no environment'))
  await assert.rejects(PreparedContext.make(config, NOMINAL, run, []), /no environment/)
  assert.equal(createRequire(testRunner)(testRunner), original)
})
