// Runs in: the test runner. Process from its making to its end: what it says at each stage, joining it, and ending it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, test } from 'node:test'
import { ChildError, Process, UsageError } from 'forkserver'
import { isAlive, openDescriptors, until } from '../support/leaks.js'
import { contractOnTransports, errorOf, jobs, openBesidesSpares, read, run } from './contract.js'

contractOnTransports('the life of a process', (site) => {
  const made: Process[] = []
  afterEach(() => {
    for (const process of made.splice(0)) process.kill() // one that a failed test left
  })
  /** One that goes on until its stdin ends. */
  const newWaiting = () => {
    const options = { server: site.server, stdio: ['pipe', 'ignore', 'inherit'] } as const
    const process = new Process(jobs.waitForStdin, [], options)
    made.push(process)
    return process
  }
  /** One that goes on until it is killed, and is in the middle of its job. */
  const startForever = async () => {
    const options = { server: site.server, stdio: ['ignore', 'pipe', 'inherit'] } as const
    const process = new Process(jobs.runForever, [], options)
    made.push(process)
    await process.start()
    await once(process.stdout!, 'data')
    return process
  }
  const stage = ({ pid, alive, exitCode, signal }: Process) => ({ hasPid: pid !== undefined, alive, exitCode, signal })

  test('pid, alive, exitCode and signal tell the stage', async () => {
    const process = newWaiting()
    assert.deepEqual(stage(process), { hasPid: false, alive: false, exitCode: null, signal: null })
    assert.deepEqual([process.stdin, process.stdout, process.stderr], [null, null, null])
    assert.equal(await process.start(), process)
    const { pid } = process
    assert.deepEqual(stage(process), { hasPid: true, alive: true, exitCode: null, signal: null })
    assert.equal(await process.result, 'waiting')
    assert.equal(process.alive, true, 'a result is not the end')
    assert.ok(isAlive(pid!))
    process.stdin!.end()
    const { exitCode, signal } = await process.join()
    assert.deepEqual([exitCode, signal], [0, null])
    assert.deepEqual(stage(process), { hasPid: true, alive: false, exitCode: 0, signal: null })
    assert.equal(process.pid, pid)
    assert.ok(await until(() => !isAlive(pid!)))
  })

  test('starts once', async () => {
    const process = newWaiting()
    const started = process.start()
    const error = await errorOf(process.start(), UsageError)
    assert.equal(error.code, 'ERR_INVALID_STATE')
    await started
    assert.equal((await errorOf(process.start(), UsageError)).code, 'ERR_INVALID_STATE')
    assert.equal(process.alive, true, 'the first start is not disturbed')
    process.stdin!.end()
    assert.equal((await process.join()).exitCode, 0)
    assert.equal((await errorOf(process.start(), UsageError)).code, 'ERR_INVALID_STATE')
  })

  test('cannot be joined before it is started', async () => {
    const error = await errorOf(newWaiting().join(), UsageError)
    assert.equal(error.code, 'ERR_INVALID_STATE')
    assert.match(error.message, /start\(\)/)
  })

  test('a misspelled option of join() is refused', async () => {
    const process = newWaiting()
    await process.start()
    const refused = errorOf(process.join({ timeuot: 1 } as never), UsageError)
    process.stdin!.end()
    assert.equal((await refused).code, 'ERR_UNKNOWN_OPTION')
    await process.join()
  })

  test('is joined as often as you like, also while it starts', async () => {
    const process = newWaiting()
    const started = process.start()
    const joins = [process.join(), process.join({ timeout: 60_000 })]
    await started
    process.stdin!.end()
    const ends = await Promise.all([...joins, process.join()])
    for (const end of ends) assert.equal(end.exitCode, 0)
  })

  test('goes on after a join that has run out of time', async () => {
    const process = newWaiting()
    await process.start()
    const error = await errorOf(process.join({ timeout: 20 }), ChildError)
    assert.equal(error.code, 'ERR_TIMEOUT')
    assert.equal(error.pid, process.pid)
    assert.match(error.message, /within 20 ms and still runs/)
    assert.ok(process.alive && isAlive(process.pid!))
    process.stdin!.end()
    assert.equal((await process.join({ timeout: 60_000 })).exitCode, 0)
  })

  for (const [call, expected] of [
    ['terminate', 'SIGTERM'],
    ['kill', 'SIGKILL'],
  ] as const) {
    test(`${call}() ends it by ${expected}`, async () => {
      const process = await startForever()
      assert.equal(process[call](), true)
      const { exitCode, signal } = await process.join()
      assert.deepEqual([exitCode, signal], [null, expected])
      assert.deepEqual([process.alive, process.exitCode, process.signal], [false, null, expected])
      const error = await errorOf(process.result, ChildError)
      assert.deepEqual([error.code, error.signal, error.exitCode], ['ERR_CHILD_DIED', expected, null])
      assert.deepEqual([process.kill(), process.terminate()], [false, false])
    })
  }

  test('kill() sends any signal', async () => {
    const process = await startForever()
    assert.equal(process.kill('SIGUSR2'), true)
    assert.equal((await process.join()).signal, 'SIGUSR2')
  })

  test('kill() of a signal that does not exist is refused, and the process goes on', async () => {
    const process = await startForever()
    assert.throws(() => process.kill('SIGNOPE' as NodeJS.Signals), UsageError)
    assert.equal(process.alive, true)
    process.kill()
    assert.equal((await process.join()).signal, 'SIGKILL')
    assert.equal(await run(jobs.echo, ['the server serves on'], { server: site.server }), 'the server serves on')
  })

  test('nothing can be killed before the start', () => {
    const process = newWaiting()
    assert.deepEqual([process.kill(), process.terminate(), process.alive], [false, false, false])
  })

  test('can be killed as soon as it is started', async () => {
    const process = await newWaiting().start()
    assert.equal(process.kill(), true)
    assert.equal((await process.join()).signal, 'SIGKILL')
  })

  test('await using kills it, and waits for its end', async () => {
    let pid: number | undefined
    let stdout: NodeJS.ReadableStream | null = null
    {
      await using process = await startForever()
      pid = process.pid
      stdout = process.stdout
    }
    assert.equal(isAlive(pid!), false)
    assert.equal(await read(stdout), '')
  })

  test('await using of one that was not started, that failed to start, or that has ended', async () => {
    await using process = newWaiting()
    assert.equal(process.alive, false)
    await using failed = new Process(jobs.echo, [() => 1], { server: site.server })
    await errorOf(failed.start(), UsageError)
    await using ended = await new Process(jobs.echo, [1], { server: site.server, stdio: 'ignore' }).start()
    await ended.join()
  })

  test('nobody has to listen to its result', async () => {
    const process = await new Process(jobs.returnFunction, [], { server: site.server, stdio: 'ignore' }).start()
    assert.equal((await process.join()).exitCode, 1)
  })

  test('pipes that nobody read are closed with it', async () => {
    const before = openBesidesSpares(site.server)
    const process = await new Process(jobs.say, ['unread', 'unread'], { server: site.server, stdio: 'pipe' }).start()
    await process.join()
    assert.ok(await until(() => openBesidesSpares(site.server) <= before), openDescriptors().join('\n'))
  })

  test('pipes that were read to their end are closed with it', async () => {
    const before = openBesidesSpares(site.server)
    const process = await new Process(jobs.say, ['out', 'err'], { server: site.server, stdio: 'pipe' }).start()
    assert.deepEqual(await Promise.all([read(process.stdout), read(process.stderr)]), ['out\n', 'err\n'])
    await process.join()
    assert.ok(await until(() => openBesidesSpares(site.server) <= before), openDescriptors().join('\n'))
  })

  test('tells what it used, where it is forked', async () => {
    const process = await new Process(jobs.makeBytes, [1_000_000, 1], { server: site.server, stdio: 'ignore' }).start()
    const { usage } = await process.join()
    if (site.server.startMethod === 'spawn') return assert.equal(usage, undefined)
    assert.ok(usage)
    assert.ok(usage.userMicros + usage.systemMicros > 0)
    assert.ok(usage.maxRssBytes > 1_000_000)
    assert.ok(usage.minorFaults > 0 && usage.majorFaults >= 0)
  })
})
