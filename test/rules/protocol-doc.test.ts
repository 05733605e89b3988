// Runs in: the test runner. docs/PROTOCOL.md says what the code does: its tables of control messages against
// CONTROL_MESSAGES, both ways, and the numbers in its text against the constants.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { describe, test } from 'node:test'
import { CONNECTOR_KEY_LABEL, LISTENER_KEY_LABEL, MAX_HANDSHAKE_PAYLOAD } from '#src/wire/auth/handshake.js'
import { MAX_CONTROL_PAYLOAD, PROTOCOL_VERSION } from '#src/wire/control-codec.js'
import { CONTROL_MESSAGES, type ControlName } from '#src/wire/control-messages.js'
import { MAX_SHORT_LENGTH, ONE_WRITE_LIMIT } from '#src/wire/frames.js'
import { CHANNEL_MESSAGES } from '#src/wire/job.js'
import { WORKER_MESSAGES } from '#src/wire/worker/worker-messages.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const TEXT = readFileSync(path.join(ROOT, 'docs', 'PROTOCOL.md'), 'utf8')
const NAMES = Object.keys(CONTROL_MESSAGES) as ControlName[]
const BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 }

/** The text under a heading, up to the next heading of the same or a higher level. */
function section(heading: string): string {
  const level = heading.indexOf(' ')
  const start = TEXT.indexOf(`\n${heading}\n`)
  assert.notEqual(start, -1, `docs/PROTOCOL.md has no heading '${heading}'`)
  const rest = TEXT.slice(start + heading.length + 2)
  const end = rest.search(new RegExp(`^#{2,${level}} `, 'm'))
  return end === -1 ? rest : rest.slice(0, end)
}

/** The rows of the one table that has these columns, as cells. */
function rows(text: string, ...columns: string[]): string[][] {
  const lines = text.split('\n')
  const head = lines.indexOf(`| ${columns.join(' | ')} |`)
  assert.notEqual(head, -1, `there is no table with the columns ${columns.join(', ')}`)
  const body = lines.slice(head + 2)
  const end = body.findIndex((line) => !line.startsWith('|'))
  return body.slice(0, end).map((line) => line.slice(2, -2).split(' | '))
}

function sizeOf(name: ControlName): number {
  return CONTROL_MESSAGES[name].fields.reduce((sum, [, type]) => sum + BYTES[type], 1)
}

/** A message's table as the code has it. */
function expectedRows(name: ControlName): string[][] {
  let offset = 1
  const fields = CONTROL_MESSAGES[name].fields.map(([field, type, meaning]) => {
    const row = [String(offset), field, type, meaning]
    offset += BYTES[type]
    return row
  })
  return [['0', 'kind', 'u8', String(CONTROL_MESSAGES[name].kind)], ...fields]
}

describe('docs/PROTOCOL.md', () => {
  const messages = section('## 3. Control messages')

  test('lists exactly the messages of the code', () => {
    const listed = rows(messages, 'message', 'kind', 'direction', 'when', 'descriptors', 'bytes')
    const expected = NAMES.map((name) => {
      const { kind, direction, when, descriptors } = CONTROL_MESSAGES[name]
      return [name, String(kind), direction, when, String(descriptors.length), String(sizeOf(name))]
    })
    assert.deepEqual(listed, expected)
  })

  test('describes exactly the messages of the code', () => {
    const described = [...messages.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)
    assert.deepEqual(described, NAMES)
  })

  for (const name of NAMES) {
    test(`shows every field of ${name}, and no other`, () => {
      const text = section(`### ${name}`)
      assert.deepEqual(rows(text, 'offset', 'field', 'type', 'meaning'), expectedRows(name))
      const descriptors = /^Descriptors: (.*)$/m.exec(text)?.[1]?.split(', ') ?? []
      assert.deepEqual(descriptors, CONTROL_MESSAGES[name].descriptors)
    })
  }

  test('names the limits and the version of the code', () => {
    const limits = new Map(rows(section('## 1. Frames'), 'while', 'limit') as [string, string][])
    assert.equal(limits.get('the handshake is not done'), String(MAX_HANDSHAKE_PAYLOAD))
    assert.equal(limits.get('control messages are exchanged'), String(MAX_CONTROL_PAYLOAD))
    assert.ok(section('## 1. Frames').includes(`| 0 to ${MAX_SHORT_LENGTH} |`))
    assert.ok(section('## 1. Frames').includes(`of up to ${ONE_WRITE_LIMIT} bytes`))
    assert.ok(messages.includes(`The protocol version is ${PROTOCOL_VERSION}.`))
  })

  test('names the labels of the derived keys', () => {
    const keys = rows(section('### Keys'), 'key', 'is HMAC-SHA256(key of the server, label) with the label')
    assert.deepEqual(keys, [
      ["of the listener's response", `\`${LISTENER_KEY_LABEL}\``],
      ["of the connector's response", `\`${CONNECTOR_KEY_LABEL}\``],
    ])
  })
})

for (const [heading, messages] of [
  ['## 4. Job channel', CHANNEL_MESSAGES],
  ['## 5. Worker channel', WORKER_MESSAGES],
] as const) {
  test(`the messages of '${heading}' are those of the code`, () => {
    const listed = rows(section(heading), 'message', 'kind', 'direction', 'payload')
    const expected = Object.entries(messages).map(([name, { kind, direction, payload }]) => [
      name,
      String(kind),
      direction,
      payload,
    ])
    assert.deepEqual(listed, expected)
  })
}

test('the kind that C sends is the kind of the table', () => {
  const code = readFileSync(path.join(ROOT, 'native', 'fork', 'fork.c'), 'utf8')
  assert.match(code, new RegExp(`#define UNBORN_KIND ${CHANNEL_MESSAGES.unborn.kind}\\n`))
})
