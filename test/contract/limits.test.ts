// Runs in: the test runner. What the limits of a process do to it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChildError, Process } from 'forkserver'
import { contract, failureOf, follow, jobs, run } from './contract.js'

const MiB = 1024 * 1024

contract('limits', (site) => {
  test('memory: ends by SIGABRT, and V8 says why', async () => {
    const ended = await follow(jobs.fillHeap, [], { server: site.server, limits: { memory: 64 * MiB } })
    assert.deepEqual(ended.exit, { exitCode: null, signal: 'SIGABRT' })
    assert.match(ended.stderr, /heap out of memory/)
    const error = failureOf(ended)
    assert.ok(error instanceof ChildError)
    assert.deepEqual([error.code, error.signal], ['ERR_CHILD_DIED', 'SIGABRT'])
  })

  test('memory: what is not kept does not count', async () => {
    const options = { server: site.server, limits: { memory: 40 * MiB } }
    assert.equal(await run(jobs.makeGarbage, [], options), 50_000_000)
  })

  test('memory: enough of it does not disturb', async () => {
    const options = { server: site.server, limits: { memory: 256 * MiB } }
    assert.equal((await run(jobs.makeBytes, [MiB, 1], options)).length, MiB)
  })

  test('rss: counts Buffers, ends by SIGKILL, and the error names the limit', async () => {
    const ended = await follow(jobs.fillBuffers, [], { server: site.server, limits: { rss: 256 * MiB } })
    assert.deepEqual(ended.exit, { exitCode: null, signal: 'SIGKILL' })
    const error = failureOf(ended)
    assert.ok(error instanceof ChildError)
    assert.deepEqual([error.code, error.signal], ['ERR_CHILD_DIED', 'SIGKILL'])
    assert.match(error.message, /limits\.rss is 268435456/)
  })

  test('rss: enough of it does not disturb', async () => {
    const options = { server: site.server, limits: { rss: 1024 * MiB } }
    assert.equal((await run(jobs.makeBytes, [MiB, 1], options)).length, MiB)
  })

  test('rss: a process that ended before its memory was looked at for the first time delivers its result', async () => {
    const child = new Process(jobs.makeBytes, [1, 1], { server: site.server, limits: { rss: 1024 * MiB } })
    await child.start()
    // The owner does nothing else meanwhile. So its next timer sees the process ended, before anything told it so.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
    assert.equal((await child.result).length, 1)
    assert.equal((await child.join()).exitCode, 0)
  })

  test('cpuSeconds: ends by SIGXCPU', async () => {
    const ended = await follow(jobs.spin, [], { server: site.server, limits: { cpuSeconds: 1 } })
    assert.deepEqual(ended.exit, { exitCode: null, signal: 'SIGXCPU' })
    const error = failureOf(ended)
    assert.ok(error instanceof ChildError)
    assert.equal(error.signal, 'SIGXCPU')
  })

  test('openFiles: one more fails with EMFILE', async () => {
    const { opened, code } = await run(jobs.openMany, [], { server: site.server, limits: { openFiles: 64 } })
    assert.equal(code, 'EMFILE')
    assert.ok(opened > 0 && opened < 64, String(opened))
  })

  test('a limit is for one process, not for its server', async () => {
    await run(jobs.openMany, [], { server: site.server, limits: { openFiles: 64 } })
    await follow(jobs.fillHeap, [], { server: site.server, limits: { memory: 64 * MiB } })
    const bytes = await run(jobs.makeBytes, [100 * MiB, 1], { server: site.server })
    assert.equal(bytes.length, 100 * MiB)
  })
})
