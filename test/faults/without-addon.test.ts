// Runs in: the test runner. forkserver without its addon: processes are spawned, and keep the same promises.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { killIfAlive, type RunningProgram, runProgram } from './owner.js'

watchLeaks()

const LIMIT = { timeout: 240_000 }
const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

const JOBS = `
export const echo = (value) => value
export const spin = () => { for (;;); }
export const idle = () => new Promise(() => setInterval(() => {}, 60_000))
`

describe('without the addon', LIMIT, () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-no-addon-'))
    for (const name of ['dist', 'package.json'])
      cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true })
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
    writeFileSync(path.join(folder, 'jobs.mjs'), JOBS)
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Runs the body of an owner, which has ForkServer, Process, jobs and say(). */
  function runOwner(body: string): RunningProgram {
    const index = pathToFileURL(path.join(folder, 'dist', 'index.js')).href
    const program = `
      import { ForkServer, Process, remote } from ${JSON.stringify(index)}
      const jobs = remote(new URL('./jobs.mjs', import.meta.url))
      const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n')
      ${body}`
    const file = path.join(folder, 'owner.mjs')
    writeFileSync(file, program)
    return runProgram(process.execPath, ['--no-warnings', file])
  }

  test('the server says why it spawns, a process works, and what is absent is undefined', async () => {
    const owner = runOwner(`
      const server = await ForkServer.start()
      const p = await new Process(jobs.echo, [42], { server }).start()
      const { usage } = await p.join()
      const { pid = null, report = null } = server
      say([server.startMethod, server.spawnReason, await p.result, pid, report, usage ?? null])
      await server.close()`)
    const line = JSON.parse((await owner.nextLine())!) as unknown[]
    assert.equal(line[0], 'spawn')
    assert.match(String(line[1]), /there is no addon for /)
    assert.deepEqual(line.slice(2), [42, null, null, null])
    assert.equal((await owner.ended).exitCode, 0)
  })

  for (const transport of ['path', 'abstract']) {
    test(`transport ${transport} is refused with the reason`, async () => {
      const owner = runOwner(
        `say(await ForkServer.start({ transport: '${transport}' }).catch(({ code, message }) => [code, message]))`,
      )
      const [code, message] = JSON.parse((await owner.nextLine())!) as string[]
      assert.equal(code, 'ERR_UNSUPPORTED')
      assert.match(message!, /transport.*there is no addon for /)
      await owner.ended
    })
  }

  for (const job of ['spin', 'idle']) {
    test(`a child whose job is ${job} dies with an owner that is killed; a detached one lives on`, async () => {
      const owner = runOwner(`
        const server = await ForkServer.start()
        const start = (detached) => new Process(jobs.${job}, [], { server, detached, stdio: 'ignore' }).start()
        const [attached, detached] = [await start(false), await start(true)]
        await new Promise((resolve) => setTimeout(resolve, 500)) // their jobs run
        say([attached.pid, detached.pid])`)
      const [attached, detached] = JSON.parse((await owner.nextLine())!) as [number, number]
      try {
        owner.process.kill('SIGKILL')
        await owner.ended
        assert.ok(await until(() => !isAlive(attached), 10_000), 'it burns a processor for ever')
        assert.ok(isAlive(detached))
      } finally {
        killIfAlive(attached)
        killIfAlive(detached)
      }
    })
  }

  test('close() kills its children', async () => {
    const owner = runOwner(`
      const server = await ForkServer.start()
      const p = await new Process(jobs.spin, [], { server, stdio: 'ignore' }).start()
      await server.close({ children: 'kill' })
      say((await p.join()).signal)`)
    assert.equal(await owner.nextLine(), '"SIGKILL"')
    assert.equal((await owner.ended).exitCode, 0)
  })
})
