// Runs in: the test runner. The transport `path`: whose socket file it is, what it may replace, and that it goes away.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { killIfAlive, runOwner } from './owner.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))

let folder: string
const fresh = (name: string): string => path.join(mkdtempSync(path.join(folder, 'case-')), name)
const pathOf = (server: ForkServer): string => (server.address as { path: string }).path

async function echoes(server: ForkServer): Promise<void> {
  const p = await new Process(jobs.echo, ['here'], { server }).start()
  assert.equal(await p.result, 'here')
  await p.join()
}

/** Where owners make their folders: one of this file's own, because each start sweeps what killed owners have left. */
const runtimeBefore = process.env.XDG_RUNTIME_DIR

before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-test-'))
  process.env.XDG_RUNTIME_DIR = mkdtempSync(path.join(folder, 'run-'))
})
after(() => {
  if (runtimeBefore === undefined) delete process.env.XDG_RUNTIME_DIR
  else process.env.XDG_RUNTIME_DIR = runtimeBefore
  rmSync(folder, { recursive: true })
})

describe('a fresh socket file', () => {
  test('has mode 0600, in a folder of mode 0700, and both are gone after close()', async () => {
    const server = await ForkServer.start({ transport: 'path' })
    const file = pathOf(server)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.ok(statSync(file).isSocket())
    assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o700)
    await server.close()
    assert.ok(!existsSync(path.dirname(file)))
  })

  test('is gone after its owner was killed by SIGKILL', async () => {
    const { process: owner, report, ended } = await runOwner({ transport: 'path', children: ['idle'], end: 'wait' })
    const { path: file } = report.address as { path: string }
    assert.ok(existsSync(file))
    owner.kill('SIGKILL')
    await ended
    assert.ok(await until(() => !existsSync(path.dirname(file))))
  })

  test('is gone after its template was killed by SIGKILL and its owner closed', async () => {
    const server = await ForkServer.start({ transport: 'path' })
    process.kill(server.pid!, 'SIGKILL')
    await until(() => !isAlive(server.pid!))
    await server.close()
    assert.ok(!existsSync(path.dirname(pathOf(server))))
  })

  test('is gone after the start failed', async () => {
    const before = process.env.XDG_RUNTIME_DIR
    const runtime = mkdtempSync(path.join(folder, 'runtime-'))
    process.env.XDG_RUNTIME_DIR = runtime
    try {
      const failing = ForkServer.start({ transport: 'path', preload: ['data:text/javascript,throw 1'] })
      assert.equal(readdirSync(runtime).length, 1, 'there is where it is made')
      await assert.rejects(failing, { code: 'ERR_PRELOAD_FAILED' })
      assert.deepEqual(readdirSync(runtime), [])
    } finally {
      if (before === undefined) delete process.env.XDG_RUNTIME_DIR
      else process.env.XDG_RUNTIME_DIR = before
    }
  })
})

describe('a socket file at a given path', () => {
  test('is made with mode 0600, reached, and gone after close(); its folder stays', async () => {
    const file = fresh('given.sock')
    const server = await ForkServer.start({ transport: { path: file }, preload: [jobs.module] })
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const client = await ForkServer.connect({ path: file }, server.key!)
    await echoes(client)
    await client.close()
    await server.close()
    assert.ok(!existsSync(file), 'the file is gone')
    assert.ok(existsSync(path.dirname(file)), 'the folder is its maker’s')
  })

  test('in a folder of the user whose name begins like our own: the folder stays', async () => {
    const file = fresh('forkserver-jobs/given.sock')
    mkdirSync(path.dirname(file))
    const server = await ForkServer.start({ transport: { path: file } })
    await server.close()
    assert.ok(await until(() => !existsSync(file)))
    assert.ok(existsSync(path.dirname(file)))
  })

  test('that a live server has: ERR_ADDRESS_IN_USE, and that server is still reached', async () => {
    const transport = { path: fresh('taken.sock') }
    await using server = await ForkServer.start({ transport, preload: [jobs.module] })
    await assert.rejects(ForkServer.start({ transport }), {
      name: 'ResourceError',
      code: 'ERR_ADDRESS_IN_USE',
      errno: 'EADDRINUSE',
    })
    await echoes(server)
    assert.ok(existsSync(transport.path), 'the file of the live server stays')
    await using client = await ForkServer.connect(transport, server.key!)
    await echoes(client)
  })

  test('that another program listens at: ERR_ADDRESS_IN_USE, and it is still reached', async () => {
    const transport = { path: fresh('other.sock') }
    const other = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => other.listen(transport.path, resolve))
    try {
      await assert.rejects(ForkServer.start({ transport }), { code: 'ERR_ADDRESS_IN_USE' })
      assert.ok(existsSync(transport.path))
    } finally {
      await new Promise((resolve) => other.close(resolve))
    }
  })

  test('that a killed server left behind is replaced', async () => {
    const transport = { path: fresh('stale.sock') }
    const first = await ForkServer.start({ transport })
    process.kill(first.pid!, 'SIGKILL')
    await until(() => !isAlive(first.pid!))
    assert.ok(existsSync(transport.path), 'the file is left')
    await using second = await ForkServer.start({ transport, preload: [jobs.module] })
    await echoes(second)
    await first.close()
    await using client = await ForkServer.connect(transport, second.key!)
    await echoes(client)
  })

  test('a regular file there is not touched: ERR_ADDRESS_IN_USE', async () => {
    const transport = { path: fresh('regular.sock') }
    writeFileSync(transport.path, 'precious')
    await assert.rejects(ForkServer.start({ transport }), { code: 'ERR_ADDRESS_IN_USE' })
    assert.equal(readFileSync(transport.path, 'utf8'), 'precious')
  })

  test('a folder there is not touched: ERR_ADDRESS_IN_USE', async () => {
    const transport = { path: fresh('folder.sock') }
    mkdirSync(transport.path)
    await assert.rejects(ForkServer.start({ transport }), { code: 'ERR_ADDRESS_IN_USE' })
    assert.ok(statSync(transport.path).isDirectory())
  })

  test('in a folder that does not exist: ERR_RESOURCE, with the path and what to do', async () => {
    const transport = { path: path.join(folder, 'no', 'such', 'folder.sock') }
    await assert.rejects(ForkServer.start({ transport }), {
      name: 'ResourceError',
      code: 'ERR_RESOURCE',
      errno: 'ENOENT',
      syscall: 'listen',
      message: /folder\.sock .*ENOENT.*Choose a folder that exists/,
    })
  })

  test('that is too long: ERR_ADDRESS_TOO_LONG, to start and to connect', async () => {
    const transport = { path: path.join(folder, 'x'.repeat(120)) }
    await assert.rejects(ForkServer.start({ transport }), { name: 'ResourceError', code: 'ERR_ADDRESS_TOO_LONG' })
    await assert.rejects(ForkServer.connect(transport, new Uint8Array(32)), { code: 'ERR_ADDRESS_TOO_LONG' })
  })

  test('of exactly 107 bytes works, of 108 is too long', async () => {
    const base = `${mkdtempSync(path.join(folder, 'case-'))}/`
    const [longest, tooLong] = [107, 108].map((bytes) => ({ path: base.padEnd(bytes, 'x') }))
    const server = await ForkServer.start({ transport: longest!, preload: [jobs.module] })
    const client = await ForkServer.connect(longest!, server.key!)
    await echoes(client)
    await client.close()
    await server.close()
    await assert.rejects(ForkServer.start({ transport: tooLong! }), { code: 'ERR_ADDRESS_TOO_LONG' })
  })
})

describe('folders of owners that were killed', () => {
  test('are swept by the next start, where the template was killed, too', async () => {
    const { process: owner, report, ended } = await runOwner({ transport: 'path', children: [], end: 'wait' })
    const left = path.dirname((report.address as { path: string }).path)
    process.kill(report.template!, 'SIGSTOP') // so that it cannot tidy up while it is killed second
    owner.kill('SIGKILL')
    await ended
    killIfAlive(report.template)
    await until(() => !isAlive(report.template!))
    assert.ok(existsSync(left), 'nobody was left to remove it')
    await using _next = await ForkServer.start({ transport: 'path' })
    assert.ok(!existsSync(left))
  })

  test('are not swept while their template serves another owner', async () => {
    const { process: owner, report, ended } = await runOwner({ transport: 'path', children: [], end: 'wait' })
    const key = Buffer.from(report.key!, 'hex')
    await using client = await ForkServer.connect(report.address!, key)
    owner.kill('SIGKILL')
    await ended
    await echoes(client)
    await using _next = await ForkServer.start({ transport: 'path' })
    await using second = await ForkServer.connect(report.address!, key)
    await echoes(second)
  })
})
