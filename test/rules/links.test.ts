// Runs in: the test runner. Every link of the documentation to a file of the project, or to a heading, leads somewhere,
// and the front page leads to every page.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Tokens } from 'marked'
import { linksOf, packedOf, tokensOf } from './pages.js'
import { listFiles, ROOT, read } from './sources.js'

const pages = [...listFiles('docs', /\.md$/), 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']

/** The anchors of a page's headings, as GitHub and npm make them. */
function anchorsOf(page: string): string[] {
  const headings = tokensOf(read(page)).filter((token): token is Tokens.Heading => token.type === 'heading')
  return headings.map(({ text }) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}

/** Whether a link of a page leads nowhere. */
function isBroken(page: string, href: string): boolean {
  const [file, anchor] = href.split('#')
  const target = file === '' ? page : path.join(path.dirname(page), file!)
  if (!existsSync(path.join(ROOT, target))) return true
  return anchor !== undefined && !anchorsOf(target).includes(anchor)
}

test('every link leads to a file, and to a heading of it', () => {
  const links = pages.flatMap((page) => linksOf(read(page)).map((href) => ({ page, href })))
  assert.ok(links.length > 50)
  const broken = links.filter(({ page, href }) => isBroken(page, href))
  assert.deepEqual(
    broken.map(({ page, href }) => `${page}: ${href}`),
    [],
  )
})

test('README.md leads to every page', () => {
  const linked = new Set(linksOf(read('README.md')).map((href) => path.join(href.split('#')[0]!)))
  assert.deepEqual(
    listFiles('docs', /\.md$/).filter((page) => !linked.has(page) && !read('README.md').includes(page)),
    [],
  )
})

test('the pages of the package link to nothing that the package does not have', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] }
  const packed = ['README.md', 'CHANGELOG.md', ...packedOf(listFiles('docs', /./), files)]
  assert.ok(packed.includes('docs/API.md') && !packed.includes('docs/ARCHITECTURE.md'))
  const missing = packed
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => linksOf(read(page)).map((href) => ({ page, href: href.split('#')[0]! })))
    .filter(({ page, href }) => href !== '' && !packed.includes(path.join(path.dirname(page), href)))
  assert.deepEqual(
    missing.map(({ page, href }) => `${page}: ${href}`),
    [],
  )
})

test('a broken link is found', () => {
  assert.equal(isBroken('docs/API.md', 'ERRORS.md#codes'), false)
  assert.equal(isBroken('docs/API.md', 'ERRORS.md#no-such-heading'), true)
  assert.equal(isBroken('docs/API.md', 'NO_SUCH_PAGE.md'), true)
})
