// Runs in: the test runner. docs/TROUBLESHOOTING.md has a section for every code of an error and of a process warning,
// and no other; each says what one sees, the cause, and what to do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODES } from '#src/errors.js'
import { listFiles, read } from './sources.js'

const sections = read('docs/TROUBLESHOOTING.md')
  .split(/^### /m)
  .slice(1)
  .map((text) => ({ code: text.slice(0, text.indexOf('\n')), text }))

/** The codes of process warnings that the sources emit. */
function warningCodes(): string[] {
  const sources = listFiles('src', /\.c?ts$/).map(read)
  return sources.flatMap((text) => [...text.matchAll(/code: '(FORKSERVER_\w+)'/g)].map(([, code]) => code!))
}

test('docs/TROUBLESHOOTING.md has every code once', () => {
  const wanted = [...Object.keys(ERROR_CODES), ...new Set(warningCodes())]
  assert.deepEqual(sections.map(({ code }) => code).sort(), wanted.sort())
})

test('each section says what one sees, the cause, and what to do', () => {
  const parts = [/^- \*\*You see:\*\*/m, /^- \*\*Cause( and what to do)?:\*\*/m, /^- \*\*Do:\*\*/m]
  const incomplete = sections.filter(({ text }) => !parts.every((part) => part.test(text)))
  assert.deepEqual(
    incomplete.map(({ code }) => code),
    [],
  )
})

test('a section is under the heading of its class', () => {
  const wrong: string[] = []
  let heading = ''
  for (const line of read('docs/TROUBLESHOOTING.md').split('\n')) {
    if (line.startsWith('## ')) heading = line
    const code = /^### (ERR_\w+)$/.exec(line)?.[1]
    if (code && !heading.includes(ERROR_CODES[code as keyof typeof ERROR_CODES][0])) wrong.push(`${code}: ${heading}`)
  }
  assert.deepEqual(wrong, [])
})
