// Runs in: the test runner. docs/DIAGNOSTICS.md lists the channels and the fields of their events, as
// src/owner/diagnostics/events.ts has them; and each channel is published somewhere, in exactly one file.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LOG_SECTIONS } from '#src/owner/diagnostics/events.js'
import { listFiles, read, tableOf, tablesOf } from './sources.js'

const PAGE = 'docs/DIAGNOSTICS.md'
const SOURCE = 'src/owner/diagnostics/events.ts'

interface EventType {
  meaning: string
  /** For `TaskEndEvent extends TaskStartEvent`. */
  base: string | undefined
  fields: { name: string; type: string; meaning: string }[]
}

function eventTypes(): Map<string, EventType> {
  const found = new Map<string, EventType>()
  const pattern = /^\/\*\* (.+) \*\/\nexport interface (\w+Event)(?: extends (\w+))? \{\n([\s\S]*?)^\}/gm
  for (const [, meaning, name, base, body] of read(SOURCE).matchAll(pattern)) {
    const fields = [...body!.matchAll(/^ {2}\/\*\* (.+) \*\/\n {2}(\w+): (.+)$/gm)]
    assert.equal(fields.length, body!.split('\n').length >> 1, `${name}: each field has a comment of one line`)
    found.set(name!, {
      meaning: meaning!,
      base,
      fields: fields.map(([, text, field, type]) => ({ name: field!, type: type!, meaning: text! })),
    })
  }
  return found
}

/** The event of each channel. */
function channels(): [string, string][] {
  return [...read(SOURCE).matchAll(/^ {2}'(forkserver:[\w:]+)': (\w+Event)$/gm)].map(([, name, type]) => [name!, type!])
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

test('the page lists every channel, with its event and its section of NODE_DEBUG', () => {
  const types = eventTypes()
  assert.ok(types.size > 10, 'the pattern no longer finds the events')
  assert.deepEqual(
    channels().map(([name]) => name),
    Object.keys(LOG_SECTIONS),
  )
  const rows = tableOf(PAGE, 'channel', 'event', 'published when', '`NODE_DEBUG`')
  assert.deepEqual(
    rows,
    Object.entries(LOG_SECTIONS).map(([name, section]) => {
      const type = channels().find(([channel]) => channel === name)![1]
      return [`\`${name}\``, `\`${type}\``, types.get(type)!.meaning, `\`${section}\``]
    }),
  )
})

test('the page lists the fields of every event', () => {
  const text = read(PAGE)
  const tables = tablesOf(PAGE, 'field', 'type', 'meaning')
  const heads = [...text.matchAll(/^### (\w+Event)$/gm)].map(([, name]) => name!)
  const types = eventTypes()
  assert.deepEqual(heads, [...types.keys()])
  assert.equal(tables.length, heads.length)
  for (const [index, head] of heads.entries()) {
    const { base, fields } = types.get(head)!
    const own = fields.map(({ name, type, meaning }) => [`\`${name}\``, `\`${cell(type)}\``, meaning])
    const inherited = base ? [['...', `\`${base}\``, `all fields of ${base}`]] : []
    assert.deepEqual(tables[index], [...inherited, ...own], head)
  }
})

test('every event is a type that the package exports', () => {
  const face = read('src/index.ts')
  for (const name of [...eventTypes().keys(), 'DiagnosticsChannels']) assert.match(face, new RegExp(`\\b${name}\\b`))
})

test('each channel is published in one file', () => {
  const sources = listFiles('src', /\.ts$/).map((file) => [file, read(file)] as const)
  for (const name of Object.keys(LOG_SECTIONS)) {
    const publishers = sources.filter(([, code]) => code.includes(`publish('${name}'`)).map(([file]) => file)
    assert.equal(publishers.length, 1, `${name} is published in ${publishers.join(', ') || 'no file'}`)
  }
})
