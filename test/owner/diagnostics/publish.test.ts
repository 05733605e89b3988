// Runs in: the test runner. NODE_DEBUG prints the events as lines on stderr of the owner.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const OWNER = fileURLToPath(new URL('../../fixtures/diagnostics/owner.js', import.meta.url))

/** The names of the events that were printed, by the section of NODE_DEBUG. */
async function printed(section: string): Promise<Record<string, string[]>> {
  const env = { ...process.env, NODE_DEBUG: section }
  const { stderr } = await promisify(execFile)(process.execPath, [OWNER], { env })
  const lines = stderr.split('\n').filter((line) => line !== '' && !/^\(/.test(line))
  const found: Record<string, string[]> = {}
  for (const line of lines) {
    const [, name, event] = /^([A-Z-]+) \d+: \d\d:\d\d:\d\d\.\d{3} ([\w:]+) \w+=/.exec(line) ?? assert.fail(line)
    ;(found[name!] ??= []).push(event!)
  }
  return found
}

const FORKSERVER = [
  'template:start',
  'process:start',
  'process:exit',
  'process:start',
  'worker:start',
  'process:exit',
  'worker:end',
  'template:end',
]
const TASKS = ['pool:call', 'task:start', 'task:end']

test('nothing is printed by default', async () => {
  assert.deepEqual(await printed(''), {})
})

test('NODE_DEBUG=forkserver prints templates, processes and workers', async () => {
  assert.deepEqual(await printed('forkserver'), { FORKSERVER })
})

test('NODE_DEBUG=forkserver-tasks prints calls and tasks', async () => {
  assert.deepEqual(await printed('forkserver-tasks'), { 'FORKSERVER-TASKS': TASKS })
})

test('NODE_DEBUG=forkserver* prints both', async () => {
  assert.deepEqual(await printed('forkserver*'), { FORKSERVER, 'FORKSERVER-TASKS': TASKS })
})
