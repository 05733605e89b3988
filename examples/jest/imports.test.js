const { importsOf } = require('./imports.js')

test('finds what a file imports', () => {
  expect(importsOf("import a from 'a'; import type { B } from './b.js'")).toEqual(['a', './b.js'])
})

test('finds nothing in a file without imports', () => {
  expect(importsOf('export const answer = 42')).toEqual([])
})
