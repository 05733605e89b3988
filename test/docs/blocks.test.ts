// Runs in: the test runner. What the tests of the code blocks take from a page.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blocksOf, isOutput, isUsed } from './blocks.js'

const fence = '```'

test('a block has its language, its name and what the comments in front of it say', () => {
  const page = `Text.\n\n<!-- fails ERR_X -->\n<!-- before\nlet a\n-->\n${fence}js\n// a.mjs\nb()\n${fence}\n`
  const [block] = blocksOf(page)
  assert.deepEqual(block, {
    language: 'js',
    name: 'a.mjs',
    text: '// a.mjs\nb()',
    isHidden: false,
    fails: 'ERR_X',
    before: 'let a',
  })
})

test('blocks in lists and hidden files are found, in order', () => {
  const page = `<!-- file x.mjs\nexport {}\n-->\n- item\n  ${fence}sh\n  node x.mjs\n  ${fence}\n`
  assert.deepEqual(
    blocksOf(page).map(({ language, name, isHidden }) => [language, name, isHidden]),
    [
      ['mjs', 'x.mjs', true],
      ['sh', undefined, false],
    ],
  )
  assert.equal(isUsed('x.mjs', blocksOf(page)), true)
})

test('a comment that no block follows, or that says nothing known, is an error', () => {
  assert.throws(() => blocksOf('<!-- fails ERR_X -->\n\nText.\n'), /No block follows/)
  assert.throws(() => blocksOf(`<!-- fail ERR_X -->\n${fence}js\n1\n${fence}\n`), /Unknown comment/)
  assert.throws(() => blocksOf(`<!-- skip REASON -->\n${fence}js\n1\n${fence}\n`), /Unknown comment/)
})

test('output is compared as it is, and … stands for what differs within a line', () => {
  assert.equal(isOutput('a (b)', 'a (b)\n'), true)
  assert.equal(isOutput('a …', 'a 1\n'), true)
  assert.equal(isOutput('a …', 'a 1\nb\n'), false)
  assert.equal(isOutput('a', 'b\n'), false)
})
