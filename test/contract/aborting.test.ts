// Runs in: the test runner. What ends a process from outside: its timeout, and an AbortSignal at every stage.
import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { test } from 'node:test'
import { ChildError, Process } from 'forkserver'
import { contract, errorOf, jobs } from './contract.js'

contract('timeouts and signals', (site) => {
  const startForever = async (options: { timeout?: number; signal?: AbortSignal }) => {
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    const process = new Process(jobs.runForever, [], { server: site.server, stdio, ...options })
    await process.start()
    await once(process.stdout!, 'data')
    return process
  }
  const checkAborted = (error: Error, reason: unknown): void => {
    assert.equal(error.name, 'AbortError')
    assert.equal((error as NodeJS.ErrnoException).code, 'ABORT_ERR')
    if (reason !== undefined) assert.equal(error.cause, reason)
  }

  test('a timeout kills, and says so', async () => {
    const options = { server: site.server, stdio: 'ignore', timeout: 3_000 } as const
    const process = await new Process(jobs.runForever, [], options).start()
    const error = await errorOf(process.result, ChildError)
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.match(error.message, /timeout of 3000 ms/)
    assert.deepEqual([error.pid, error.signal], [process.pid, 'SIGKILL'])
    assert.equal((await process.join()).signal, 'SIGKILL')
  })

  test('a timeout that is not reached does nothing', async () => {
    const options = { server: site.server, stdio: 'ignore', timeout: 100_000 } as const
    const process = await new Process(jobs.echo, [1], options).start()
    assert.equal(await process.result, 1)
    assert.equal((await process.join()).exitCode, 0)
  })

  test('a timeout kills also after the result, and leaves the result alone', async () => {
    // Long enough for the result to come; how long is of no matter to what is tested.
    const options = { server: site.server, stdio: ['pipe', 'ignore', 'inherit'], timeout: 6_000 } as const
    const process = await new Process(jobs.waitForStdin, [], options).start()
    assert.equal(await process.result, 'waiting')
    assert.equal((await process.join()).signal, 'SIGKILL')
    assert.equal(await process.result, 'waiting')
  })

  test('aborting kills', async () => {
    const controller = new AbortController()
    const process = await startForever({ signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    checkAborted(await errorOf(process.result, Error), reason)
    assert.equal((await process.join()).signal, 'SIGKILL')
    assert.deepEqual(getEventListeners(controller.signal, 'abort'), [])
  })

  test('a signal that is aborted already starts nothing', async () => {
    const process = new Process(jobs.echo, [1], { server: site.server, stdio: 'ignore', signal: AbortSignal.abort() })
    const error = await errorOf(process.start(), Error)
    assert.equal(error.name, 'AbortError')
    assert.equal(process.pid, undefined)
    assert.equal(await errorOf(process.result, Error), error)
    assert.equal(await errorOf(process.join(), Error), error)
  })

  test('and fails with an AbortError whatever the reason is', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    const process = new Process(jobs.echo, [1], { server: site.server, stdio: 'ignore', signal })
    checkAborted(await errorOf(process.start(), Error), reason)
  })

  test('aborting between the making and the start', async () => {
    const controller = new AbortController()
    const options = { server: site.server, stdio: 'ignore', signal: controller.signal } as const
    const process = new Process(jobs.echo, [1], options)
    controller.abort()
    assert.equal((await errorOf(process.start(), Error)).name, 'AbortError')
    assert.equal(process.pid, undefined)
  })

  test('aborting while it starts', async () => {
    const controller = new AbortController()
    const options = { server: site.server, stdio: 'ignore', signal: controller.signal } as const
    const process = new Process(jobs.runForever, [], options)
    const started = process.start()
    controller.abort()
    await started.catch((error: Error) => assert.equal(error.name, 'AbortError'))
    assert.equal((await errorOf(process.result, Error)).name, 'AbortError')
    await process.join().catch((error: Error) => assert.equal(error.name, 'AbortError'))
    assert.equal(process.alive, false)
    assert.deepEqual(getEventListeners(controller.signal, 'abort'), [])
  })

  test('aborting after the end does nothing, and nothing listens any more', async () => {
    const controller = new AbortController()
    const options = { server: site.server, stdio: 'ignore', signal: controller.signal } as const
    const process = await new Process(jobs.echo, [1], options).start()
    await process.join()
    assert.deepEqual(getEventListeners(controller.signal, 'abort'), [])
    controller.abort()
    assert.equal(await process.result, 1)
    assert.equal(process.exitCode, 0)
  })

  test('one signal for many processes: it has one listener, and nobody is warned of a leak', async () => {
    const controller = new AbortController()
    const warnings: string[] = []
    const onWarning = ({ name }: Error): void => void warnings.push(name)
    process.on('warning', onWarning)
    try {
      const many = Array.from({ length: 15 }, () => {
        const { signal } = controller
        return new Process(jobs.runForever, [], { server: site.server, stdio: 'ignore', signal, timeout: 100_000 })
      })
      await Promise.all(many.map((one) => one.start()))
      assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
      controller.abort()
      for (const one of many) {
        checkAborted(await errorOf(one.result, Error), controller.signal.reason)
        assert.equal((await one.join()).signal, 'SIGKILL')
      }
      await new Promise(setImmediate) // warnings are emitted in a later tick
      assert.deepEqual(warnings, [])
      assert.deepEqual(getEventListeners(controller.signal, 'abort'), [])
    } finally {
      process.off('warning', onWarning)
    }
  })
})
