// Runs in: the test runner. Which requests one template serves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remote } from 'forkserver'
import { fileNameOf, keyOf, type TemplateRequest } from '#src/registry/template-request.js'

const base: TemplateRequest = { tool: 'jest@30.2.0', env: { PATH: '/bin' }, execArgv: [], preload: ['a'] }
const { warm, cold } = remote('/jobs.js')

test('what differs needs another template', () => {
  const others: Partial<TemplateRequest>[] = [
    { tool: 'jest@30.2.1' },
    { env: { PATH: '/bin', NODE_OPTIONS: '--no-warnings' } },
    { execArgv: ['--expose-gc'] },
    { preload: ['a', 'b'] },
    { preload: [] },
    { warmup: warm! },
    { warmup: cold! },
    { warmup: { call: warm!, args: [1] } },
    { warmup: { call: warm!, args: [2] } },
    { exclude: ['dotenv'] },
    { tripwires: [] },
    { learns: false },
  ]
  const keys = [base, ...others.map((other) => ({ ...base, ...other }))].map(keyOf)
  assert.equal(new Set(keys).size, keys.length)
})

test('a variable that a child can be given makes no difference', () => {
  assert.equal(keyOf({ ...base, env: { PATH: '/usr/bin', HOME: '/' } }), keyOf(base))
  assert.equal(
    keyOf({ ...base, warmup: { call: warm!, args: [1] } }),
    keyOf({ ...base, warmup: { call: warm!, args: [1] } }),
  )
})

test('a file name says the tool, and is one', () => {
  assert.match(fileNameOf(base), /^jest-[0-9a-f]{16}\.json$/)
  assert.match(fileNameOf({ ...base, tool: '../a b@1' }), /^\.\._a_b-[0-9a-f]{16}\.json$/)
})
