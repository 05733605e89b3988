// Runs in: the test runner. The option `learn` of tools.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isIn, learning, learningOf } from '#src/registry/learn-option.js'

const site = { of: 'tool()', option: 'learn' }

test('what it takes', () => {
  assert.deepEqual(learningOf(undefined), { learns: true, exclude: [] })
  assert.deepEqual(learningOf(learning(false, site)), { learns: false, exclude: [] })
  assert.deepEqual(learningOf(learning({ exclude: ['a'] }, site)), { learns: true, exclude: ['a'] })
  assert.deepEqual(learningOf(learning({}, site)), { learns: true, exclude: [] })
})

for (const wrong of ['off', null, { exclude: 'a' }, { exclude: [''] }, { excludes: [] }])
  test(`what it does not take: ${JSON.stringify(wrong)}`, () => {
    assert.throws(() => learning(wrong, site), { code: 'ERR_INVALID_OPTION', message: /'learn' of tool\(\).*exclude/ })
  })

test('which package a module is in', () => {
  const packages = ['dotenv', '@scope/name']
  for (const name of ['dotenv/config.js', '@scope/name/lib/a.js', 'other/node_modules/dotenv/index.js']) {
    assert.equal(isIn(`/app/node_modules/${name}`, packages), true, name)
    assert.equal(isIn(`file:///app/node_modules/${name}`, packages), true, name)
  }
  for (const name of ['dotenv-expand/index.js', '@scope/names/a.js', 'dotenv/node_modules/other/index.js'])
    assert.equal(isIn(`/app/node_modules/${name}`, packages), false, name)
  assert.equal(isIn('/app/dotenv/index.js', packages), false)
})
