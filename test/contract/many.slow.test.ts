// Runs in: the test runner. Many processes at once, each of them its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Process } from 'forkserver'
import { contractOnTransports, jobs, read } from './contract.js'

const COUNT = 100

contractOnTransports('many at once', (site) => {
  test(`${COUNT} processes: all right, all different`, async () => {
    const processes = Array.from(
      { length: COUNT },
      () => new Process(jobs.getPid, [], { server: site.server, stdio: 'ignore' }),
    )
    await Promise.all(processes.map((process) => process.start()))
    const pids = await Promise.all(processes.map((process) => process.result))
    assert.deepEqual(
      pids,
      processes.map(({ pid }) => pid),
      'process.pid inside is p.pid',
    )
    assert.equal(new Set(pids).size, COUNT)
    for (const exit of await Promise.all(processes.map((process) => process.join()))) assert.equal(exit.exitCode, 0)
  })

  test('results and outputs do not get mixed up', async () => {
    const one = async (index: number): Promise<void> => {
      const options = { server: site.server, stdio: ['ignore', 'pipe', 'pipe'] } as const
      const process = await new Process(jobs.say, [`out ${index}`, `err ${index}`], options).start()
      const [stdout, stderr] = await Promise.all([read(process.stdout), read(process.stderr)])
      assert.deepEqual([stdout, stderr], [`out ${index}\n`, `err ${index}\n`])
      assert.equal((await process.join()).exitCode, 0)
    }
    await Promise.all(Array.from({ length: 30 }, (_, index) => one(index)))
  })

  test('some fail, others do not', async () => {
    const starting = Array.from({ length: 20 }, async (_, index) => {
      const options = { server: site.server, stdio: 'ignore' } as const
      const process = await new Process(index % 2 ? jobs.echo : jobs.returnSymbol, [index] as never, options).start()
      return process.result.then(String, (error: Error) => error.name)
    })
    const expected = Array.from({ length: 20 }, (_, index) => (index % 2 ? String(index) : 'UsageError'))
    assert.deepEqual(await Promise.all(starting), expected)
  })

  // More signals at once than the control socket takes: none is lost. Spawned processes are killed by the owner itself,
  // and are slow.
  test('killed all at once', async () => {
    const count = site.server.startMethod === 'forkserver' ? 400 : 10
    const processes = Array.from(
      { length: count },
      () => new Process(jobs.runForever, [], { server: site.server, stdio: 'ignore' }),
    )
    await Promise.all(processes.map((process) => process.start()))
    assert.ok(processes.every((process) => process.kill()))
    for (const exit of await Promise.all(processes.map((process) => process.join())))
      assert.equal(exit.signal, 'SIGKILL')
  })

  test('the parent is the template, or the owner where there is none', async () => {
    const process = await new Process(jobs.getParentPid, [], { server: site.server, stdio: 'ignore' }).start()
    assert.equal(await process.result, site.server.pid ?? globalThis.process.pid)
    await process.join()
  })
})
