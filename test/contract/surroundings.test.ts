// Runs in: the test runner. The working directory and the environment of a child.
import assert from 'node:assert/strict'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Process } from 'forkserver'
import { contractOnTransports, errorOf, jobs, run } from './contract.js'

let folder = ''
before(() => {
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-cwd-')))
})
after(() => rmSync(folder, { recursive: true }))

contractOnTransports('the working directory', (site) => {
  test("is the owner's at the start of the process", async () => {
    assert.equal(await run(jobs.getCwd, [], { server: site.server }), process.cwd())
    const home = process.cwd()
    process.chdir(folder)
    try {
      assert.equal(await run(jobs.getCwd, [], { server: site.server }), folder)
    } finally {
      process.chdir(home)
    }
    assert.equal(await run(jobs.getCwd, [], { server: site.server }), home)
  })

  test('is what the option says', async () => {
    assert.equal(await run(jobs.getCwd, [], { server: site.server, cwd: folder }), folder)
    const relative = path.relative(process.cwd(), folder)
    assert.equal(await run(jobs.getCwd, [], { server: site.server, cwd: relative }), folder)
  })

  test('one that does not exist fails with its name', async () => {
    const cwd = path.join(folder, 'absent')
    const child = new Process(jobs.getCwd, [], { server: site.server, cwd, stdio: 'ignore' })
    await child.start().catch(() => {}) // whether this fails already or only the result is up to the start method
    const error = await errorOf(child.result, Error)
    assert.match(error.message, /ENOENT/)
    assert.ok(error.message.includes(cwd), error.message)
    await child.join().catch(() => {})
  })
})

contractOnTransports('the environment', (site) => {
  const NAME = 'FORKSERVER_TEST_VARIABLE'
  const withVariable = async (value: string | undefined, during: () => Promise<void>): Promise<void> => {
    if (value === undefined) delete process.env[NAME]
    else process.env[NAME] = value
    try {
      await during()
    } finally {
      delete process.env[NAME]
    }
  }

  test("is the owner's at the start of the process", async () => {
    assert.deepEqual(await run(jobs.getEnv, [], { server: site.server }), { ...process.env })
  })

  test("the owner's changes after the template's start reach the child", async () => {
    for (const value of ['first', 'second', '', 'with = and\nnewline ü']) {
      await withVariable(value, async () => {
        assert.equal((await run(jobs.getEnv, [], { server: site.server }))[NAME], value)
      })
    }
    assert.equal(NAME in (await run(jobs.getEnv, [], { server: site.server })), false)
    const { HOME } = process.env
    delete process.env.HOME
    try {
      assert.equal('HOME' in (await run(jobs.getEnv, [], { server: site.server })), false)
    } finally {
      if (HOME !== undefined) process.env.HOME = HOME
    }
  })

  test('is replaced whole by the option', async () => {
    const env = { A: '1', B: 'two words', C: '' }
    assert.deepEqual(await run(jobs.getEnv, [], { server: site.server, env }), env)
    assert.deepEqual(await run(jobs.getEnv, [], { server: site.server, env: {} }), {})
  })

  test('a variable that is undefined is not set', async () => {
    await withVariable('set here', async () => {
      const env = { ...process.env, [NAME]: undefined }
      assert.equal(NAME in (await run(jobs.getEnv, [], { server: site.server, env })), false)
    })
  })

  test('is fixed when the process starts', async () => {
    await withVariable('before', async () => {
      const options = { server: site.server, stdio: 'ignore' } as const
      const child = await new Process(jobs.getEnv, [], options).start()
      process.env[NAME] = 'after'
      assert.equal((await child.result)[NAME], 'before')
      await child.join()
    })
  })

  test('a time zone in it counts', async () => {
    const zone = async (TZ: string): Promise<number> =>
      run(jobs.getZone, [], { server: site.server, env: { ...process.env, TZ } })
    assert.equal(await zone('Asia/Kolkata'), -330)
    assert.equal(await zone('UTC'), 0)
  })
})
