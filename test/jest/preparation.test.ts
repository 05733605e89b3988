// Runs in: the test runner. What a template prepares, and in the name of which test files.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProjectConfig, RunnerContext, Test } from '#src/jest/child/jest-types.js'
import { preparationOf } from '#src/jest/preparation.js'
import { FakeJest, GLOBAL, PROJECT, UNPREPARED } from './configurations.js'

const jest = new FakeJest()
const OWN = { file: '/app/node_modules/jest-runner/build/index.js', workerFile: jest.workerFile }
const OTHER: ProjectConfig = { ...PROJECT, id: 'other' }

const prepare = (tests: readonly Test[], context: RunnerContext = {}): ReturnType<typeof preparationOf> =>
  preparationOf(tests, { jest: OWN, globalConfig: GLOBAL, context, modules: ['/app/node_modules/a/index.js'] })

const preparedIn = (tests: readonly Test[]): [string, string][] =>
  prepare(tests).prepared.map(({ config, testPath }) => [config.id, testPath])

const DOCBLOCK = '/** @jest-environment ./own.js */'

test('one context for each project that can have one, in the name of its first file', () => {
  const unprepared = jest.test('unprepared', '', { ...UNPREPARED, id: 'unprepared' })
  const [a, b, c] = [jest.test('a', '', PROJECT), jest.test('b', '', OTHER), jest.test('c', '', OTHER)]
  const tests = [unprepared, a, b, c]
  assert.deepEqual(preparedIn(tests), [
    ['project', a.path],
    ['other', b.path],
  ])
  const { resolvers, prepared } = prepare(tests)
  assert.deepEqual(
    resolvers.map(({ config }) => config.id),
    ['unprepared', 'project', 'other'],
  )
  for (const { config } of [...resolvers, ...prepared]) assert.equal(config.runner, OWN.file)
})

test('no context is made in the name of a file that asks for its own, or that cannot be read', () => {
  const asks = jest.test('asks', DOCBLOCK, PROJECT)
  const gone: Test = { ...asks, path: '/app/gone.test.js' }
  const module: Test = { ...asks, path: jest.write('module.test.mjs', '') }
  const plain = jest.test('plain', '', PROJECT)
  assert.deepEqual(preparedIn([asks, gone, module, plain]), [['project', plain.path]])
})

test('no context if all files ask for their own', () => {
  const tests = ['asks', 'asks-too'].map((name) => jest.test(name, DOCBLOCK, PROJECT))
  assert.deepEqual(preparedIn(tests), [])
  assert.equal(prepare(tests).resolvers.length, 1)
})

test('what jest tells its workers can be sent', () => {
  const context = { changedFiles: new Set(['/app/a.js']), sourcesRelatedToTestsInChangedFiles: new Set(['/app/b.js']) }
  assert.deepEqual(prepare([jest.test('plain', '', PROJECT)], context).context, {
    changedFiles: ['/app/a.js'],
    sourcesRelatedToTestsInChangedFiles: ['/app/b.js'],
  })
})
