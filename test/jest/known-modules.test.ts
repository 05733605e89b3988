// Runs in: the test runner. The packages that test files load, from one run to the next.
import assert from 'node:assert/strict'
import path from 'node:path'
import { beforeEach, test } from 'node:test'
import { KnownModules } from '#src/jest/known-modules.js'
import { FakeJest } from './configurations.js'

const jest = new FakeJest()
const inPackage = (name: string): string => path.join(jest.folder, 'node_modules', name, 'index.js')
const known = (version = '30.0.0', learn?: boolean | { exclude: string[] }): KnownModules =>
  new KnownModules(jest.folder, version, learn)

beforeEach(() => jest.write('node_modules/.cache/forkserver/jest-contexts.json', '{}'))

test('what was learnt is known in the next run', () => {
  const first = known()
  assert.deepEqual(first.paths, [])
  assert.equal(first.learn([inPackage('a'), inPackage('ä b')], []), true)
  assert.equal(first.learn([inPackage('a')], []), false, 'nothing new')
  assert.deepEqual(first.paths, [inPackage('a'), inPackage('ä b')])
  assert.deepEqual(known().paths, first.paths)
})

test('it is worth nothing for another jest, or with another lock file', () => {
  known().learn([inPackage('a')], [])
  assert.deepEqual(known('31.0.0').paths, [])
  jest.write('package-lock.json', '{ "name": "changed" }')
  assert.deepEqual(known().paths, [])
})

test("the project's own modules are not learnt", () => {
  const modules = known()
  assert.equal(
    modules.learn([path.join(jest.folder, 'src', 'own.js'), '/elsewhere/node_modules/a/index.js'], []),
    false,
  )
  assert.deepEqual(modules.paths, [])
})

test('what was struck off is not learnt again', () => {
  const first = known()
  first.learn([inPackage('a'), inPackage('registers')], [])
  assert.equal(first.learn([inPackage('registers')], [inPackage('registers')]), false)
  for (const modules of [first, known()]) {
    assert.deepEqual(modules.paths, [inPackage('a')])
    assert.equal(modules.learn([inPackage('registers')], []), false)
  }
})

test('what is struck off without a file being run stays so, too', () => {
  const first = known()
  first.learn([inPackage('a'), inPackage('timer')], [])
  first.strike([inPackage('timer')], 'a Timeout keeps the event loop busy')
  for (const modules of [first, known()]) assert.deepEqual(modules.paths, [inPackage('a')])
})

test('packages that are excluded are neither learnt nor loaded', () => {
  known().learn([inPackage('a'), inPackage('b')], [])
  const modules = known('30.0.0', { exclude: ['b', 'c'] })
  assert.deepEqual(modules.paths, [inPackage('a')])
  assert.equal(modules.learn([inPackage('c')], []), false)
})

test('learn: false: nothing is loaded, learnt or kept', () => {
  known().learn([inPackage('a')], [])
  const modules = known('30.0.0', false)
  assert.deepEqual(modules.paths, [])
  assert.equal(modules.learn([inPackage('b')], []), false)
  assert.deepEqual(known().paths, [inPackage('a')])
})
