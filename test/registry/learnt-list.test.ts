// Runs in: the test runner. What is learnt, what is not, and the file that keeps it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  EMPTY_LIST,
  format,
  type LearntList,
  MAX_MODULES,
  merge,
  parse,
  strikeOff,
  urlsOf,
} from '#src/registry/learnt-list.js'

const PROJECT = 'file:///home/me/my%20app/'
const url = (path: string): string => PROJECT + path
const list = (...modules: string[]): LearntList => ({ modules, struck: {} })
const REACT = 'node_modules/react/index.js'
const TYPESCRIPT = 'packages/a/node_modules/typescript/lib/typescript.js'

describe('merge()', () => {
  test('adds modules of packages, in their order, each once', () => {
    const once = merge(EMPTY_LIST, [url(TYPESCRIPT), url(REACT), url(REACT)], PROJECT)
    assert.deepEqual(once.modules, [TYPESCRIPT, REACT])
    const twice = merge(once, [url('node_modules/a/%C3%A4%20b.js'), url(REACT)], PROJECT)
    assert.deepEqual(twice.modules, [TYPESCRIPT, REACT, 'node_modules/a/ä b.js'])
  })

  test('gives the same list if there is nothing new', () => {
    const known = list(REACT)
    assert.equal(merge(known, [url(REACT)], PROJECT), known)
    assert.equal(merge(known, [], PROJECT), known)
  })

  test('leaves out what is outside of packages or of the project, and what was struck off', () => {
    const known = { modules: [], struck: { [REACT]: 'it threw' } }
    const others = [
      url('src/jobs.js'),
      url('my_node_modules/a.js'),
      url('node_modules/../src/jobs.js'),
      'file:///home/me/other/node_modules/a/index.js',
      'node:fs',
      'data:text/javascript,1',
      url(REACT),
    ]
    assert.equal(merge(known, others, PROJECT), known)
  })

  test('comes to an end', () => {
    const many = Array.from({ length: 2 * MAX_MODULES }, (_, index) => url(`node_modules/a/${index}.js`))
    assert.equal(merge(EMPTY_LIST, many, PROJECT).modules.length, MAX_MODULES)
  })
})

describe('strikeOff()', () => {
  test('takes out what a template had to do without, and keeps why', () => {
    const skipped = [
      { module: url(REACT), what: 'it looks for document', severity: 'different' as const },
      { module: url(REACT), what: 'another', severity: 'failed' as const },
      { module: null, what: 'x', severity: 'impossible' as const },
      { module: 'file:///elsewhere', what: 'x', severity: 'failed' as const },
    ]
    const left = strikeOff(list(REACT, TYPESCRIPT), skipped, PROJECT)
    assert.deepEqual(left, { modules: [TYPESCRIPT], struck: { [REACT]: 'it looks for document' } })
    assert.equal(merge(left, [url(REACT)], PROJECT), left, 'it is not learnt again')
  })

  test('gives the same list if there is nothing to take out', () => {
    const known = list(REACT)
    const unknown = { module: url(REACT), what: 'out of memory', severity: 'unknown' as const }
    assert.equal(strikeOff(known, [unknown], PROJECT), known, 'nobody knows which one it was')
    assert.equal(strikeOff(known, [], PROJECT), known)
  })
})

describe('the file', () => {
  test('keeps a list, for one stamp', () => {
    const kept = { modules: [REACT], struck: { [TYPESCRIPT]: 'it threw' } }
    assert.deepEqual(parse(format(kept, 'lock v24'), 'lock v24'), kept)
    assert.equal(parse(format(kept, 'lock v24'), 'lock v26'), EMPTY_LIST)
  })

  test('names nothing outside of packages, whoever wrote it', () => {
    const modules = ['src/a.js', '/etc/node_modules/x', '../node_modules/x', 'node_modules/../../x', 7, REACT, REACT]
    const read = parse(JSON.stringify({ stamp: 's', modules, struck: { a: 1 } }), 's')
    assert.deepEqual(read, { modules: [REACT], struck: {} })
  })

  test('property: any text is read as some list', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((value) => `{"stamp":"s","modules":${value},"struck":{}}`),
    )
    fc.assert(
      fc.property(texts, (text) => {
        for (const module of urlsOf(parse(text, 's'), PROJECT)) assert.ok(module.startsWith(PROJECT))
      }),
    )
  })

  test('property: paths and URLs are the same modules', () => {
    const names = fc.string({ unit: 'grapheme' }).filter((name) => !/[/\0]|^\.{1,2}$|^$/.test(name))
    fc.assert(
      fc.property(names, (name) => {
        const known = list(`node_modules/${name}/index.js`)
        assert.deepEqual(merge(EMPTY_LIST, urlsOf(known, PROJECT), PROJECT), known)
      }),
    )
  })
})
