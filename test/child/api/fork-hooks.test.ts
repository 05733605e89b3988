// Runs in: the test runner. src/child/api/fork-hooks.ts: callbacks about a fork, in the order that is promised and in
// no other process.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beforeFreeze, ForkServer, generation, onFork, Process, remote, type StartOptions } from 'forkserver'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const hooked = remote<typeof import('../../fixtures/contract/hooked.js')>(
  new URL('../../fixtures/contract/hooked.js', import.meta.url),
)

const start = (hook: string, options: StartOptions = {}): Promise<ForkServer> =>
  ForkServer.start({ preload: [hooked.module], env: { ...process.env, TEST_HOOK: hook }, ...options })

describe('callbacks about a fork', () => {
  test('run in each child, in order, and before the freeze, in reverse order', async () => {
    await using server = await start('none')
    for (let round = 0; round < 2; round++) {
      const p = await new Process(hooked.told, [], { server }).start()
      const { ran, pid, ppid, generation: count } = await p.result
      const [inTemplate, inChild] = [server.pid, pid]
      assert.deepEqual(ran, [
        `closed first in ${inTemplate}`,
        `closed second in ${inTemplate}`,
        `first in ${inChild}`,
        `second in ${inChild}`,
      ])
      assert.deepEqual([pid, ppid, count], [p.pid, server.pid, 1])
      await p.join()
    }
  })

  test('one of onFork() that throws is the error of the job', async () => {
    await using server = await start('onFork throws')
    const p = await new Process(hooked.told, [], { server }).start()
    await assert.rejects(p.result, { name: 'RangeError', message: 'the callback fails' })
    assert.equal((await p.join()).exitCode, 1)
  })

  test('one of beforeFreeze() that throws fails the start', async () => {
    await assert.rejects(start('beforeFreeze throws'), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_PRELOAD_FAILED')
      assert.match(error.message, /beforeFreeze/)
      assert.ok(error.cause instanceof RangeError)
      return true
    })
  })

  test('do not run in a spawned child, nor in an owner', async () => {
    let calls = 0
    const takeBack = [onFork(() => calls++), beforeFreeze(() => calls++)]
    await using server = await ForkServer.start({ preload: [hooked.module], startMethod: 'spawn' })
    const env = { ...process.env, TEST_HOOK_SPAWNED: 'yes' }
    const p = await new Process(hooked.told, [], { server, env }).start()
    const { ran, generation: count } = await p.result
    assert.deepEqual([ran, count, calls, generation()], [[], 0, 0, 0])
    await p.join()
    for (const take of takeBack) take()
  })

  test('what is no function is refused', () => {
    // @ts-expect-error: not a function
    assert.throws(() => onFork('x'), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
    // @ts-expect-error: not a function
    assert.throws(() => beforeFreeze(), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
  })
})
