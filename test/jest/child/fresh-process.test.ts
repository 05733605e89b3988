// Runs in: the test runner. The copy of `process` in a context that another process has made.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshProcess } from '#src/jest/child/fresh-process.js'

test('the copy gets the id, the parent and the environment of this process', () => {
  const env: NodeJS.ProcessEnv = { TEMPLATE_ONLY: 'yes', PATH: '/template' }
  const copy = { pid: 1, ppid: 1, env } as NodeJS.Process
  freshProcess(copy)
  assert.equal(copy.pid, process.pid)
  assert.equal(copy.ppid, process.ppid)
  assert.equal(copy.env, env, 'a test may hold it')
  assert.deepEqual({ ...env }, { ...process.env })
})
