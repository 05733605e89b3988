// Runs in: the test runner. The transformer is called once, as jest would call it.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { beforeEach, test } from 'node:test'
import type { ProjectConfig } from '#src/jest/child/jest-types.js'
import { warmTransform } from '#src/jest/child/warm-transform.js'
import { FakeJest, PROJECT } from '../configurations.js'

const jest = new FakeJest()
const FILE = jest.write('a.test.js', 'source')
const calls: unknown[][] = []
beforeEach(() => {
  calls.length = 0
})

/** A project with this transformer, which notes how it is called. */
function projectWith(name: string, exports: string, pattern = '\\.js$'): ProjectConfig {
  const file = jest.write(`${name}.js`, exports)
  ;(createRequire(file)(file) as { calls?: unknown[][] }).calls = calls
  return { ...PROJECT, transform: [[pattern, file, { option: 1 }]] }
}

const METHODS = `
  getCacheKey(source, path, { transformerConfig }) { exports.calls.push(['key', source, path, transformerConfig]) },
  process(source, path, { transformerConfig }) { exports.calls.push(['process', source, path, transformerConfig]) }`
const CALLS = ['key', 'process'].map((name) => [name, 'source', FILE, { option: 1 }])

test('a transformer', async () => {
  await warmTransform(projectWith('plain', `Object.assign(exports, {${METHODS}})`), FILE)
  assert.deepEqual(calls, CALLS)
})

test('one that is created, later', async () => {
  const create = `async (options) => (exports.calls.push(options), {${METHODS}})`
  const exports = `exports.default = { createTransformer: ${create} }`
  await warmTransform(projectWith('created', exports), FILE)
  assert.deepEqual(calls, [{ option: 1 }, ...CALLS])
})

test('the files of another pattern are left alone', async () => {
  await warmTransform(projectWith('other', `Object.assign(exports, {${METHODS}})`, '\\.tsx$'), FILE)
  assert.deepEqual(calls, [])
})

test('one that fails is left to the child', async () => {
  await warmTransform(projectWith('fails', "exports.process = () => { throw new Error('no') }"), FILE)
  await warmTransform({ ...PROJECT, transform: [['.', '/no/such/transformer.js', {}]] }, FILE)
})
