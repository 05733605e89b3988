// Runs in: the test runner. The links of pages in Markdown, and which pages the package has. Pure.
import { marked, type Token, type Tokens } from 'marked'

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  marked.walkTokens(marked.lexer(text), (token) => {
    tokens.push(token)
  })
  return tokens
}

/** Links and images that lead to other pages and files, and to headings. */
export function linksOf(text: string): string[] {
  const links = tokensOf(text).filter(({ type }) => type === 'link' || type === 'image') as Tokens.Link[]
  return links.map(({ href }) => href).filter((href) => !/^[a-z]+:/i.test(href))
}

/** Those of these files of docs/ that the package has, by the list `files` of its package.json. */
export function packedOf(names: readonly string[], files: readonly string[]): string[] {
  const left = new Set(files.filter((line) => line.startsWith('!')).map((line) => line.slice(1)))
  const isListed = (name: string): boolean =>
    files.includes(name) || (/^docs\/[^/]+\.md$/.test(name) && files.includes('docs/*.md'))
  return names.filter((name) => isListed(name) && !left.has(name))
}
