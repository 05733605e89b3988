// Runs in: the test runner. ForkServer.connect() to what is not there, not ours, or not honest; and abstract names.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { AuthKey, ForkServer, Process, remote } from 'forkserver'
import { encodeFrame } from '#src/wire/frames.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const NAME = `forkserver-test-${process.pid}`

async function echoes(server: ForkServer): Promise<void> {
  const p = await new Process(jobs.echo, ['here'], { server }).start()
  assert.equal(await p.result, 'here')
  await p.join()
}

for (const transport of ['path', 'abstract'] as const) {
  describe(`connect, transport ${transport}`, () => {
    test('with another key: AuthError ERR_AUTH_REFUSED, and the server lives', async () => {
      await using server = await ForkServer.start({ transport, preload: [jobs.module] })
      for (const key of [AuthKey.generate(), server.key!.export().fill(0, 0, 1), new Uint8Array(32)]) {
        await assert.rejects(ForkServer.connect(server.address!, key), {
          name: 'AuthError',
          code: 'ERR_AUTH_REFUSED',
        })
      }
      await echoes(server)
      await using client = await ForkServer.connect(server.address!, server.key!.export())
      await echoes(client)
      assert.equal(client.pid, server.pid)
    })

    test('to a server that was closed: ERR_CONNECT', async () => {
      const server = await ForkServer.start({ transport })
      const [address, key] = [server.address!, server.key!.export()]
      await server.close()
      await assert.rejects(ForkServer.connect(address, key), { name: 'ResourceError', code: 'ERR_CONNECT' })
    })

    test('by 300 at once, more than may be unproved: none fails', { timeout: 120_000 }, async () => {
      await using server = await ForkServer.start({ transport, preload: [jobs.module] })
      const all = await Promise.allSettled(
        Array.from({ length: 300 }, () => ForkServer.connect(server.address!, server.key!)),
      )
      const failures = all.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
      await Promise.all(all.map((one) => one.status === 'fulfilled' && one.value.close()))
      assert.deepEqual(failures, [])
      await echoes(server)
    })

    test('its starter closes: the template lives as long as it has an owner', async (t) => {
      // A close() that forgets to stay alive shall fail this test, and no other
      const awake = setInterval(() => {}, 1000)
      t.after(() => clearInterval(awake))
      const server = await ForkServer.start({ transport, preload: [jobs.module] })
      const client = await ForkServer.connect(server.address!, server.key!)
      t.after(() => client.close())
      await echoes(client)
      await server.close()
      await echoes(client)
      assert.ok(isAlive(client.pid!))
      await client.close()
      assert.ok(await until(() => !isAlive(client.pid!)), 'and no longer')
    })
  })
}

describe('abstract names', () => {
  test('a given name is used, and free again after close()', async () => {
    const transport = { abstract: `${NAME}-given` }
    for (let round = 0; round < 2; round++) {
      await using server = await ForkServer.start({ transport, preload: [jobs.module] })
      await using client = await ForkServer.connect(transport, server.key!)
      await echoes(client)
    }
  })

  test('a name in use: ERR_ADDRESS_IN_USE, and the server that has it lives', async () => {
    const transport = { abstract: `${NAME}-taken` }
    await using server = await ForkServer.start({ transport, preload: [jobs.module] })
    await assert.rejects(ForkServer.start({ transport }), { name: 'ResourceError', code: 'ERR_ADDRESS_IN_USE' })
    await using client = await ForkServer.connect(transport, server.key!)
    await echoes(client)
  })

  test('a name that is too long', async () => {
    const transport = { abstract: 'x'.repeat(108) }
    await assert.rejects(ForkServer.start({ transport }), { code: 'ERR_ADDRESS_TOO_LONG' })
    await assert.rejects(ForkServer.connect(transport, AuthKey.generate()), { code: 'ERR_ADDRESS_TOO_LONG' })
  })
})

describe('connect to what is no forkserver', () => {
  test('to nothing: ERR_CONNECT, by path and by name', async () => {
    const nothing = [{ path: path.join(os.tmpdir(), `${NAME}.sock`) }, { abstract: `${NAME}-nothing` }]
    for (const address of nothing) {
      await assert.rejects(ForkServer.connect(address, AuthKey.generate()), {
        name: 'ResourceError',
        code: 'ERR_CONNECT',
      })
    }
  })

  const liars: [does: string, greet: (socket: Socket) => void, code: RegExp][] = [
    ['closes at once', (socket) => socket.destroy(), /^ERR_CONNECTION_ENDED$/],
    ['speaks HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), /^ERR_(PROTOCOL|MESSAGE_TOO_LARGE)$/],
    ['announces 257 bytes', (socket) => socket.write(Buffer.from([0, 0, 1, 1])), /^ERR_MESSAGE_TOO_LARGE$/],
    ['welcomes everybody', (socket) => socket.write(encodeFrame(Buffer.from('#WELCOME#'))), /^ERR_PROTOCOL$/],
    [
      'asks for MD5',
      (socket) => socket.write(encodeFrame(Buffer.from(`#CHALLENGE#{md5}${'n'.repeat(40)}`))),
      /^ERR_PROTOCOL$/,
    ],
    [
      'accepts without a proof of its own',
      (socket) => {
        socket.write(encodeFrame(Buffer.from(`#CHALLENGE#{sha256}${'n'.repeat(40)}`)))
        socket.write(encodeFrame(Buffer.from('#WELCOME#')))
        socket.write(encodeFrame(Buffer.concat([Buffer.from('{sha256}'), Buffer.alloc(32)])))
      },
      /^ERR_AUTH_REFUSED$/,
    ],
  ]

  for (const [does, greet, code] of liars) {
    test(`a listener that ${does}: a typed error`, async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-test-'))
      const address = { path: path.join(folder, 'liar.sock') }
      const sockets = new Set<Socket>()
      const liar = createServer((socket) => {
        sockets.add(socket.on('error', () => {}))
        greet(socket)
      }).listen(address.path)
      await once(liar, 'listening')
      try {
        await assert.rejects(ForkServer.connect(address, AuthKey.generate()), { code })
      } finally {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => liar.close(resolve))
        rmSync(folder, { recursive: true })
      }
    })
  }
})
