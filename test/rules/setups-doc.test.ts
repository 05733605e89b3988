// Runs in: the test runner. docs/SETUPS.md shows the table of flags that the code has.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLAG_RULES } from '#src/owner/server/node-flags.js'
import { tableOf } from './sources.js'

test('docs/SETUPS.md has the table of src/owner/server/node-flags.ts', () => {
  assert.deepEqual(
    tableOf('docs/SETUPS.md', 'kind', 'flags', 'why'),
    FLAG_RULES.map(({ kind, flags, because }) => [kind, flags.map((flag) => `\`${flag}\``).join(', '), because]),
  )
})
