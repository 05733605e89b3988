// Runs in: the test runner. Which projects get a prepared context, and the configuration that the template gets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GlobalConfig, ProjectConfig } from '#src/jest/child/jest-types.js'
import { canPrepare, withRunner } from '#src/jest/preparable.js'
import { GLOBAL, PROJECT } from './configurations.js'

test('a plain project, also with coverage by babel', () => {
  assert.equal(canPrepare(PROJECT, GLOBAL), true)
  assert.equal(canPrepare(PROJECT, { ...GLOBAL, collectCoverage: true }), true)
  assert.equal(canPrepare(PROJECT, { ...GLOBAL, coverageProvider: 'v8' }), true, 'nothing is counted')
})

const OTHERS: readonly [project: Partial<ProjectConfig>, global: Partial<GlobalConfig>][] = [
  [{ automock: true }, {}],
  [{ fakeTimers: { enableGlobally: true } }, {}],
  [{ detectLeaks: true }, {}],
  [{ runtime: '/app/runtime.js' }, {}],
  [{ extensionsToTreatAsEsm: ['.ts'] }, {}],
  [{ setupFiles: ['/app/setup.js'] }, {}],
  [{ testEnvironment: '/app/node_modules/jest-environment-jsdom/build/index.js' }, {}],
  [{}, { collectCoverage: true, coverageProvider: 'v8' }],
]
for (const [project, global] of OTHERS)
  test(`not with ${JSON.stringify({ ...project, ...global })}`, () => {
    assert.equal(canPrepare({ ...PROJECT, ...project }, { ...GLOBAL, ...global }), false)
  })

test("the configuration of a project with jest's own runner", () => {
  const own = { ...PROJECT, runner: '/app/node_modules/jest-runner/build/index.js' }
  assert.deepEqual(withRunner(PROJECT, own.runner), own, 'jest before 30.4.1')
  const config = { ...PROJECT, runnerOptions: { fileTimeout: 1 } }
  assert.deepEqual(withRunner(config, own.runner), { ...own, runnerOptions: {} })
})
