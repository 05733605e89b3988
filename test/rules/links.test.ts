// Runs in: the test runner. Every link of the documentation to a file of the project, or to a heading, leads somewhere,
// and the front page leads to every page.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { marked, type Token, type Tokens } from 'marked'
import { listFiles, ROOT, read } from './sources.js'

const pages = [...listFiles('docs', /\.md$/), 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']

function tokensOf(page: string): Token[] {
  const tokens: Token[] = []
  marked.walkTokens(marked.lexer(read(page)), (token) => {
    tokens.push(token)
  })
  return tokens
}

/** The anchors of a page's headings, as GitHub and npm make them. */
function anchorsOf(page: string): string[] {
  const headings = tokensOf(page).filter((token): token is Tokens.Heading => token.type === 'heading')
  return headings.map(({ text }) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}

/** Links to other pages and files, and to headings. */
function linksOf(page: string): string[] {
  const links = tokensOf(page).filter(({ type }) => type === 'link' || type === 'image') as Tokens.Link[]
  return links.map(({ href }) => href).filter((href) => !/^[a-z]+:/i.test(href))
}

/** Whether a link of a page leads nowhere. */
function isBroken(page: string, href: string): boolean {
  const [file, anchor] = href.split('#')
  const target = file === '' ? page : path.join(path.dirname(page), file!)
  if (!existsSync(path.join(ROOT, target))) return true
  return anchor !== undefined && !anchorsOf(target).includes(anchor)
}

test('every link leads to a file, and to a heading of it', () => {
  const links = pages.flatMap((page) => linksOf(page).map((href) => ({ page, href })))
  assert.ok(links.length > 50)
  const broken = links.filter(({ page, href }) => isBroken(page, href))
  assert.deepEqual(
    broken.map(({ page, href }) => `${page}: ${href}`),
    [],
  )
})

test('README.md leads to every page', () => {
  const linked = new Set(linksOf('README.md').map((href) => path.join(href.split('#')[0]!)))
  assert.deepEqual(
    listFiles('docs', /\.md$/).filter((page) => !linked.has(page)),
    [],
  )
})

test('a broken link is found', () => {
  assert.equal(isBroken('docs/API.md', 'ERRORS.md#codes'), false)
  assert.equal(isBroken('docs/API.md', 'ERRORS.md#no-such-heading'), true)
  assert.equal(isBroken('docs/API.md', 'NO_SUCH_PAGE.md'), true)
})
