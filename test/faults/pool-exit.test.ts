// Runs in: the test runner. An owner that ends without closing its pool: it ends, and so do the workers.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isAlive, until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const OWNER = fileURLToPath(new URL('../fixtures/pool/owner.js', import.meta.url))
const run = promisify(execFile)

/** What the owner said. It ends by itself, or this fails. */
async function say(...args: string[]): Promise<string[]> {
  const { stdout, stderr } = await run(process.execPath, [OWNER, ...args], { timeout: 120_000, killSignal: 'SIGKILL' })
  assert.equal(stderr, '')
  return stdout.trim().split('\n')
}

async function untilGone(pid: number): Promise<void> {
  assert.ok(await until(() => !isAlive(pid)))
}

for (const method of ['forkserver', 'spawn']) {
  test(`${method}: an open pool does not keep its owner`, async () => {
    assert.deepEqual(await say('never used', method), [''])
    const [pid] = await say('used', method)
    await untilGone(Number(pid))
  })

  test(`${method}: a task does, also one that comes when the pool had nothing to do`, async () => {
    const [, later] = await say('again', method)
    assert.equal(later, 'later')
  })

  test(`${method}: close() and join() of an idle pool are waited for, and the teardown runs`, async () => {
    const [, ...rest] = await say('closed', method)
    assert.deepEqual(rest, ['hello', 'joined'])
  })

  test(`${method}: so is close() of its server`, async () => {
    const [, ...rest] = await say('server closed', method)
    assert.deepEqual(rest, ['closed'])
  })

  test(`${method}: a Process that nobody waits for does not keep its owner`, async () => {
    const [pid] = await say('process', method)
    await untilGone(Number(pid))
  })
}
