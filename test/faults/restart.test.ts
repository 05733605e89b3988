// Runs in: the test runner. What can go wrong while a server is restarted: the new template fails, the old one is lost
// or stopped, the server closes.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, Pool, Process, remote, type StartOptions } from 'forkserver'
import { descendants, isAlive, until, watchLeaks } from '../support/leaks.js'
import { ModuleFolder, type Versioned } from '../support/modules.js'

watchLeaks()

const LIMIT = { timeout: 240_000 }
const folder = new ModuleFolder()

async function versionOf(server: ForkServer, module: string): Promise<string> {
  const process = await new Process(remote<Versioned>(module).version, [], { server, stdio: 'ignore' }).start()
  const version = await process.result
  await process.join()
  return version
}

/** A server whose module can be changed. */
async function start(name: string, options: StartOptions = {}) {
  const module = folder.writeVersion(name, 'old')
  const server = await ForkServer.start({ preload: [module], ...options })
  return { module, server }
}

/** How many templates started and failed while this ran. */
async function startsIn(run: () => Promise<void>): Promise<{ ready: number; failed: number }> {
  const count = { ready: 0, failed: 0 }
  const [ready, failed] = [(_: unknown) => void count.ready++, (_: unknown) => void count.failed++]
  subscribe('forkserver:template:start', ready)
  subscribe('forkserver:template:fail', failed)
  try {
    await run()
    return count
  } finally {
    unsubscribe('forkserver:template:start', ready)
    unsubscribe('forkserver:template:fail', failed)
  }
}

/** The process of a template that is being started beside this one. */
async function newcomer(server: ForkServer): Promise<number> {
  let found: string | undefined
  const isIt = (line: string): boolean => line.includes('main/template.js') && !line.startsWith(`${server.pid} `)
  assert.ok(await until(() => (found = descendants().find(isIt)) !== undefined))
  return Number(found!.split(' ')[0])
}

/**
 * Connects to the address of a server whose template has just been killed. Nobody listens from its end until the new
 * one sees that; a client that comes in between is refused by the kernel.
 */
async function connectSoon(server: ForkServer): Promise<ForkServer> {
  for (let tries = 0; tries < 1_000; tries++) {
    try {
      return await ForkServer.connect(server.address!, server.key!)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ERR_CONNECT')
      await sleep(20)
    }
  }
  throw new Error('Nobody listens at the address.')
}

describe('the new template', LIMIT, () => {
  test('cannot load its modules: restart() rejects, the old one serves on, and the next restart() works', async () => {
    const { module, server } = await start('broken.mjs')
    const { pid } = server
    folder.write('broken.mjs', 'throw new RangeError("broken")')
    await assert.rejects(server.restart(), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_PRELOAD_FAILED')
      assert.ok(error.cause instanceof RangeError)
      return true
    })
    assert.equal(server.pid, pid)
    assert.equal(await versionOf(server, module), 'old')
    folder.writeVersion('broken.mjs', 'new')
    await server.restart()
    assert.equal(await versionOf(server, module), 'new')
    await server.close()
  })

  test('is killed while it starts', async () => {
    const { module, server } = await start('killed.mjs')
    const { pid } = server
    folder.write('killed.mjs', 'await new Promise((resolve) => setTimeout(resolve, 60_000))')
    const restarted = assert.rejects(server.restart(), { code: 'ERR_TEMPLATE_START' })
    process.kill(await newcomer(server), 'SIGKILL')
    await restarted
    assert.equal(server.pid, pid)
    assert.equal(await versionOf(server, module), 'old')
    await server.close()
  })

  test('takes longer than startTimeout', async () => {
    const { module, server } = await start('slow.mjs', { startTimeout: 12_000 })
    folder.write('slow.mjs', 'for (;;);')
    const restarted = assert.rejects(server.restart(), { code: 'ERR_TEMPLATE_START' })
    await newcomer(server)
    assert.equal(await versionOf(server, module), 'old', 'the old one serves meanwhile')
    await restarted
    assert.equal(await versionOf(server, module), 'old')
    await server.close()
  })
})

describe('the old template', LIMIT, () => {
  for (const transport of ['private', 'path', 'abstract'] as const) {
    test(`is killed meanwhile (${transport})`, async () => {
      const { module, server } = await start(`lost-${transport}.mjs`, { transport })
      folder.write(
        `lost-${transport}.mjs`,
        'await new Promise((resolve) => setTimeout(resolve, 300))\nexport const version = () => "new"',
      )
      const { pid } = server
      const counted = await startsIn(async () => {
        const restarted = server.restart()
        await newcomer(server)
        process.kill(pid!, 'SIGKILL')
        await until(() => !isAlive(pid!))
        await sleep(20)
        assert.equal(await versionOf(server, module), 'new', 'the start waits for the new one')
        await restarted
      })
      assert.deepEqual(counted, { ready: 1, failed: 0 }, 'and starts no third one')
      if (server.address) {
        const connected = await connectSoon(server)
        assert.equal(await versionOf(connected, module), 'new')
        await connected.close()
      }
      await server.close()
    })
  }

  test('is stopped: it is killed, and the new one has its address', async () => {
    const { module, server } = await start('stopped.mjs', { transport: 'path', templateTimeout: 1_500 })
    const { pid } = server
    process.kill(pid!, 'SIGSTOP')
    folder.writeVersion('stopped.mjs', 'new')
    await server.restart()
    assert.equal(await versionOf(server, module), 'new')
    assert.ok(await until(() => !isAlive(pid!), 20_000))
    await using other = await connectSoon(server)
    assert.equal(await versionOf(other, module), 'new')
    await other.close()
    await server.close()
    assert.equal(existsSync((server.address as { path: string }).path), false)
  })

  test('is stopped during two restarts: when it goes on, the last new one has its address', async () => {
    const { module, server } = await start('twice.mjs', { transport: 'path', templateTimeout: 60_000 })
    const { pid } = server
    process.kill(pid!, 'SIGSTOP')
    await server.restart()
    folder.writeVersion('twice.mjs', 'new')
    await server.restart()
    process.kill(pid!, 'SIGCONT')
    assert.ok(await until(() => !isAlive(pid!)), 'it leaves')
    await using other = await ForkServer.connect(server.address!, server.key!)
    assert.equal(await versionOf(other, module), 'new')
    await other.close()
    await server.close()
  })

  test('was lost before: restart() starts one', async () => {
    const { module, server } = await start('before.mjs')
    process.kill(server.pid!, 'SIGKILL')
    await until(() => !isAlive(server.pid!))
    await sleep(50)
    folder.writeVersion('before.mjs', 'new')
    await server.restart()
    assert.equal(await versionOf(server, module), 'new')
    await server.close()
  })
})

test('workers of a pool are replaced, also those whose template was lost before', LIMIT, async () => {
  const { module, server } = await start('worker.mjs')
  await using pool = new Pool({ server, processes: 1, minProcesses: 1 })
  const run = (): Promise<string> => pool.run(remote<Versioned>(module).version, [])
  assert.equal(await run(), 'old')
  const { pid } = server
  process.kill(pid!, 'SIGKILL')
  await until(() => !isAlive(pid!))
  await sleep(50)
  assert.equal(await versionOf(server, module), 'old')
  folder.writeVersion('worker.mjs', 'new')
  await server.restart()
  for (let tries = 0; tries < 500 && (await run()) === 'old'; tries++) await sleep(20)
  assert.equal(await run(), 'new')
  await pool[Symbol.asyncDispose]()
  await server.close()
})

describe('calls at the same time', LIMIT, () => {
  test('share one restart', async () => {
    const { server } = await start('shared.mjs')
    const counted = await startsIn(async () => {
      await Promise.all([server.restart(), server.restart(), server.restart()])
    })
    assert.deepEqual(counted, { ready: 1, failed: 0 })
    await server.close()
  })

  for (const children of ['wait', 'kill'] as const) {
    test(`close({ children: '${children}' }) ends a restart`, async () => {
      const { server } = await start(`closing-${children}.mjs`)
      folder.write(`closing-${children}.mjs`, 'await new Promise((resolve) => setTimeout(resolve, 60_000))')
      const restarted = assert.rejects(server.restart(), { code: 'ERR_INVALID_STATE' })
      const pid = await newcomer(server)
      await server.close({ children })
      await restarted
      assert.equal(isAlive(pid), false)
    })
  }
})

describe('clients', LIMIT, () => {
  for (const transport of ['path', 'abstract'] as const) {
    test(`that connect by ${transport} meanwhile are all served`, async () => {
      const { module, server } = await start(`clients-${transport}.mjs`, { transport })
      folder.writeVersion(`clients-${transport}.mjs`, 'new')
      let isOver = false
      const restarted = server.restart().finally(() => {
        isOver = true
      })
      const versions: string[] = []
      const connectOnce = async (): Promise<void> => {
        const client = await ForkServer.connect(server.address!, server.key!)
        versions.push(await versionOf(client, module))
        await client.close()
      }
      do await connectOnce()
      while (!isOver)
      await restarted
      await connectOnce()
      assert.equal(versions.at(-1), 'new')
      await server.close()
    })
  }

  test('that connect directly after it get the new template', async () => {
    const { module, server } = await start('direct.mjs', { transport: 'path' })
    for (let version = 1; version <= 5; version++) {
      folder.writeVersion('direct.mjs', String(version))
      await server.restart()
      const client = await ForkServer.connect(server.address!, server.key!)
      assert.equal(await versionOf(client, module), String(version))
      await client.close()
    }
    await server.close()
  })

  test('that connect later see the memory of their processes', async () => {
    const { module, server } = await start('seen.mjs', { transport: 'path' })
    const { pid } = server
    folder.write(
      'seen.mjs',
      'export const version = () => new Promise((resolve) => setTimeout(resolve, 300, "new"))', // watched meanwhile
    )
    await server.restart()
    // Who is already in the queue when the new one listens still has the credentials of the old one. This one waits
    // until the new one has the queue.
    assert.ok(await until(() => !isAlive(pid!)))
    await (await ForkServer.connect(server.address!, server.key!)).close()
    const client = await ForkServer.connect(server.address!, server.key!)
    const limits = { rss: 4 * 1024 ** 3 }
    const child = new Process(remote<Versioned>(module).version, [], { server: client, stdio: 'ignore', limits })
    await child.start()
    assert.equal(await child.result, 'new')
    await child.join()
    await client.close()
    await server.close()
  })

  test('of the old template go on with it, and it leaves with them', async () => {
    const { module, server } = await start('connected.mjs', { transport: 'abstract' })
    const client = await ForkServer.connect(server.address!, server.key!)
    const { pid } = client
    folder.writeVersion('connected.mjs', 'new')
    await server.restart()
    assert.equal(await versionOf(client, module), 'old')
    assert.equal(await versionOf(server, module), 'new')
    await client.close()
    assert.ok(await until(() => !isAlive(pid!)))
    await server.close()
  })
})
