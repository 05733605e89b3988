// Runs in: the test runner. Every code block of the documentation runs as it is, and its types are right.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { listFiles, read } from '../rules/sources.js'
import { watchLeaks } from '../support/leaks.js'
import { type Block, blocksOf } from './blocks.js'
import { runPage } from './run-page.js'
import { makeWorkspace, typeErrors, writeBlock } from './workspace.js'

/** So few blocks may be skipped. */
const MAX_SKIPPED = 12

/** FORKSERVER_TEST_PAGES=API runs only the pages whose names contain this. */
const wanted = process.env.FORKSERVER_TEST_PAGES ?? ''
const pages = ['README.md', 'CONTRIBUTING.md', ...listFiles('docs', /\.md$/)].filter((page) => page.includes(wanted))
const workspace = makeWorkspace()
const skipped: string[] = []

watchLeaks()
after(workspace.remove)

const folderOf = (page: string): string => path.join(workspace.folder, path.basename(page, '.md'))
const isTypeScript = (block: Block): boolean => /^[mc]?ts$/.test(block.language)

for (const page of pages) {
  const blocks = blocksOf(read(page))
  if (blocks.length === 0) continue
  test(`the code blocks of ${page} run`, async () => {
    skipped.push(...(await runPage(blocks, folderOf(page))).map((line) => `${page}: ${line}`))
  })
}

test('few blocks are skipped, each for a reason', (context) => {
  for (const line of skipped) context.diagnostic(line)
  assert.ok(skipped.length <= MAX_SKIPPED, skipped.join('\n'))
})

test('the types of all blocks in TypeScript are right', () => {
  const sources = pages.flatMap((page) => {
    const folder = `${folderOf(page)}-types`
    mkdirSync(folder)
    return blocksOf(read(page)).flatMap((block, number) => {
      const { source } = writeBlock(block, folder, number)
      return isTypeScript(block) && block.skip === undefined ? [source] : []
    })
  })
  assert.deepEqual(typeErrors(sources), [])
})
