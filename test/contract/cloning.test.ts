// Runs in: the test runner. Arguments and results that cannot be sent are named by their path.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Process, UsageError } from 'forkserver'
import { until } from '../support/leaks.js'
import { contract, errorOf, jobs, openBesidesSpares } from './contract.js'

contract('what cannot be cloned', (site) => {
  test('an argument fails start(), before anything is started', async () => {
    const before = openBesidesSpares(site.server)
    const process = new Process(jobs.echo, [{ a: { b: () => 1 } }], { server: site.server, stdio: 'ignore' })
    const error = await errorOf(process.start(), UsageError)
    assert.equal(error.code, 'ERR_CANNOT_CLONE')
    assert.match(error.message, /^arguments\[0\]\.a\.b is a function, which cannot be cloned\./)
    assert.ok(error.cause instanceof Error)
    assert.equal(process.pid, undefined)
    assert.equal(process.alive, false)
    assert.equal(await errorOf(process.result, UsageError), error)
    assert.equal(await errorOf(process.join(), UsageError), error)
    assert.ok(await until(() => openBesidesSpares(site.server) <= before))
  })

  test('a later argument is named, too', async () => {
    const values = [1, new Map([['key', [Symbol('s')]]])]
    const process = new Process(jobs.show, values, { server: site.server, stdio: 'ignore' })
    const error = await errorOf(process.start(), UsageError)
    assert.match(error.message, /^arguments\[1\]\.get\('key'\)\[0\] is a symbol/)
  })

  for (const [reference, path] of [
    [jobs.returnFunction, /^result\.list\[0\]\.callback is a function/],
    [jobs.returnPromiseInside, /^result\.later is a Promise.*Await it/],
    [jobs.returnSymbol, /^result is a symbol/],
  ] as const) {
    test(`a result of ${reference.name}()`, async () => {
      const process = await new Process(reference, [], { server: site.server, stdio: 'ignore' }).start()
      const error = await errorOf(process.result, UsageError)
      assert.equal(error.code, 'ERR_CANNOT_CLONE')
      assert.match(error.message, path)
      assert.equal((await process.join()).exitCode, 1)
    })
  }
})
