// Runs in: the test runner. Listener and connect(), for every transport: addresses, files, keys, and every reason to
// refuse.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, lstatSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { AuthKey, type Connection, connect, Listener, wait } from 'forkserver/connection'
import { connectWith } from '#src/connection/connect.js'
import { Listener as OwnListener } from '#src/connection/listener.js'
import { addon, KEY, listenOn, ROUTES, temporary } from '../support/connections.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const INVALID = { name: 'UsageError', code: 'ERR_INVALID_STATE' }

for (const route of ROUTES) {
  describe(`a listener at ${route.name}`, () => {
    test('accepts many clients at once, and says where it listens', async () => {
      const { listener, close } = await listenOn(route)
      const clients = await Promise.all(
        Array.from({ length: 40 }, () => connectWith(route.native, listener.address, { authKey: KEY })),
      )
      const accepted: Connection[] = []
      for await (const connection of listener) if (accepted.push(connection) === clients.length) break
      await Promise.all(clients.map((client, index) => client.send(index)))
      const sums = await Promise.all(accepted.map((connection) => connection.recv<number>()))
      assert.deepEqual(
        sums.sort((a, b) => a - b),
        clients.map((_, index) => index),
      )
      if ('host' in listener.address) {
        assert.ok(listener.address.port > 0)
        assert.ok(listener.lastAccepted && 'host' in listener.lastAccepted)
        assert.deepEqual(listener.lastAccepted, accepted.at(-1)!.address)
      } else assert.equal(listener.lastAccepted, undefined)
      await Promise.all([...clients, ...accepted].map((connection) => connection.close()))
      await close()
    })

    test('a wrong key is refused on both sides, reported as an event, and disturbs nobody', async () => {
      const { listener, close } = await listenOn(route)
      const refused: Error[] = []
      listener.on('clientError', (error) => void refused.push(error))
      const accepting = listener.accept()
      await assert.rejects(connectWith(route.native, listener.address, { authKey: AuthKey.generate() }), {
        name: 'AuthError',
        code: 'ERR_AUTH_REFUSED',
      })
      const client = await connectWith(route.native, listener.address, { authKey: KEY })
      const server = await accepting
      assert.deepEqual(
        refused.map((error) => (error as Error & { code: string }).code),
        ['ERR_AUTH_REFUSED'],
      )
      await Promise.all([client.close(), server.close()])
      await close()
    })

    test('close() ends accept() and for await, and closes who was not accepted', async () => {
      const { listener, close } = await listenOn(route)
      const client = await connectWith(route.native, listener.address, { authKey: KEY })
      await wait([listener])
      const first = await listener.accept()
      const second = listener.accept()
      const loop = (async () => {
        for await (const connection of listener) assert.fail(`${inspect(connection)} came`)
      })()
      const unaccepted = await connectWith(route.native, listener.address, { authKey: KEY })
      const taken = await second
      const rejected = assert.rejects(listener.accept(), INVALID)
      await Promise.all([listener.close(), listener.close()])
      await Promise.all([loop, rejected])
      await assert.rejects(listener.accept(), INVALID)
      assert.equal(listener.closed, true)
      await client.send('still open')
      assert.equal(await first.recv(), 'still open')
      await Promise.all([client, first, unaccepted, taken].map((connection) => connection.close()))
      await close()
      await assert.rejects(connectWith(route.native, listener.address, { authKey: KEY }), {
        name: 'ResourceError',
        code: 'ERR_CONNECT',
      })
    })

    test('accept() can be given up; what comes then is for the next', async () => {
      const { listener, close } = await listenOn(route)
      const aborter = new AbortController()
      const given = listener.accept({ signal: aborter.signal })
      aborter.abort()
      await assert.rejects(given, { name: 'AbortError', code: 'ABORT_ERR' })
      const client = await connectWith(route.native, listener.address, { authKey: KEY })
      const server = await listener.accept()
      await Promise.all([client.close(), server.close()])
      await close()
    })

    test('somebody else’s address is taken', async () => {
      const { listener, close } = await listenOn(route)
      const other = OwnListener.listenWith(route.native, { address: listener.address, authKey: KEY })
      await assert.rejects(other, { name: 'ResourceError', code: 'ERR_ADDRESS_IN_USE' })
      const client = await connectWith(route.native, listener.address, { authKey: KEY }) // the first one lives on
      const server = await listener.accept()
      await Promise.all([client.close(), server.close()])
      await close()
    })

    test('without keys there is no handshake', async () => {
      const { listener, close } = await listenOn(route, { authKey: null })
      const client = await connectWith(route.native, listener.address, { authKey: null })
      const server = await listener.accept()
      await client.send('hello')
      assert.equal(await server.recv(), 'hello')
      await Promise.all([client.close(), server.close()])
      await close()
    })

    test('a limit for messages is none for the handshake', async () => {
      const { listener, close } = await listenOn(route, { maxMessageLength: 1 })
      const client = await connectWith(route.native, listener.address, { authKey: KEY, maxMessageLength: 1 })
      const server = await listener.accept()
      await client.sendBytes(Buffer.from('x'))
      assert.equal(String(await server.recvBytes()), 'x')
      await Promise.all([client.close(), server.close()])
      await close()
    })
  })
}

describe('socket files', () => {
  for (const route of ROUTES.filter(({ name }) => name.startsWith('path'))) {
    test(`mode, removal and stale files at ${route.name}`, async () => {
      const { folder, remove } = temporary()
      const file = path.join(folder, 'socket')
      const listen = (permissions?: number) =>
        OwnListener.listenWith(route.native, {
          address: { path: file },
          authKey: KEY,
          ...(permissions && { permissions }),
        })
      const first = await listen()
      assert.equal(statSync(file).mode & 0o777, 0o600)
      await first.close()
      assert.equal(existsSync(file), false)
      const second = await listen(0o666)
      assert.equal(statSync(file).mode & 0o777, 0o666)
      await second.close()
      // A process that was killed leaves its file: one that listened and stopped without a word.
      leaveSocketFile(file)
      const third = await listen()
      assert.equal((await connectAndClose(route.native, third)).closed, true)
      await third.close()
      writeFileSync(file, 'a document')
      await assert.rejects(listen(), { code: 'ERR_ADDRESS_IN_USE' })
      assert.equal(lstatSync(file).isFile(), true)
      remove()
    })
  }

  test('a file that somebody else put there since is not removed', { skip: !addon }, async () => {
    const { folder, remove } = temporary()
    const file = path.join(folder, 'socket')
    const first = await Listener.listen({ address: { path: file }, authKey: KEY })
    leaveSocketFile(file)
    await first.close()
    assert.equal(existsSync(file), true)
    remove()
  })
})

/** A socket file at which nobody listens, in the place of whatever is there. */
function leaveSocketFile(file: string): void {
  const other = `${file}.other`
  const server = net.createServer().listen(other)
  renameOver(other, file)
  server.close()
}

function renameOver(from: string, to: string): void {
  process.getBuiltinModule('node:fs').renameSync(from, to)
  chmodSync(to, 0o600)
}

async function connectAndClose(native: typeof addon, listener: Listener): Promise<Connection> {
  const client = await connectWith(native, listener.address, { authKey: KEY })
  await (await listener.accept()).close()
  await client.close()
  return client
}

describe('what is refused', () => {
  const usage = (code: string) => ({ name: 'UsageError', code })
  const address = { host: '127.0.0.1', port: 0 }

  test('options', async () => {
    for (const [options, code] of [
      [{ address }, 'ERR_INVALID_OPTION'],
      [{ authKey: KEY }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: 'text' }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: Buffer.alloc(31) }, 'ERR_INVALID_ARGUMENT'],
      [{ address, authKey: KEY, digest: 'md5' }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: KEY, digest: 'sha1' }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: KEY, backlogg: 1 }, 'ERR_UNKNOWN_OPTION'],
      [{ address, authKey: KEY, backlog: 0 }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: KEY, handshakeTimeout: -1 }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: KEY, maxMessageLength: -1 }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: KEY, codec: 'pickles' }, 'ERR_INVALID_OPTION'],
      [{ address, authKey: KEY, permissions: 0o1000 }, 'ERR_INVALID_OPTION'],
      [{ address: { host: 'x' }, authKey: KEY }, 'ERR_INVALID_OPTION'],
      [{ address: { host: 'x', port: 65_536 }, authKey: KEY }, 'ERR_INVALID_OPTION'],
      [{ address: { path: 'x', port: 1 }, authKey: KEY }, 'ERR_UNKNOWN_OPTION'],
      [{ address: { abstract: '' }, authKey: KEY }, 'ERR_INVALID_OPTION'],
      [{ address: 'x', authKey: KEY }, 'ERR_INVALID_OPTION'],
    ] as const) {
      await assert.rejects(Listener.listen(options as never), usage(code), inspect(options))
    }
    await assert.rejects(connect(address, {} as never), usage('ERR_INVALID_OPTION'))
    await assert.rejects(connect(address, { authKey: KEY, timeout: 0 }), usage('ERR_INVALID_OPTION'))
    await assert.rejects(connect(null as never, { authKey: KEY }), usage('ERR_INVALID_OPTION'))
  })

  test('a refused key is not shown', async () => {
    const secret = 'this is the secret of somebody'
    await assert.rejects(Listener.listen({ address, authKey: secret as never }), (error: Error) => {
      assert.ok(!inspect(error).includes(secret))
      return true
    })
  })

  test('addresses that cannot be', async () => {
    const long = 'x'.repeat(120)
    await assert.rejects(Listener.listen({ address: { path: `/tmp/${long}` }, authKey: KEY }), {
      code: 'ERR_ADDRESS_TOO_LONG',
    })
    await assert.rejects(connect({ path: `/tmp/${long}` }, { authKey: KEY }), { code: 'ERR_ADDRESS_TOO_LONG' })
    await assert.rejects(Listener.listen({ address: { path: '/nowhere/at/all' }, authKey: KEY }), {
      code: 'ERR_RESOURCE',
    })
    await assert.rejects(connect({ path: '/nowhere/at/all' }, { authKey: KEY }), {
      code: 'ERR_CONNECT',
      errno: 'ENOENT',
    })
    await assert.rejects(
      OwnListener.listenWith(undefined, { address: { abstract: 'x' }, authKey: KEY }),
      usage('ERR_UNSUPPORTED'),
    )
  })

  test('a signal that is aborted, before and during', async () => {
    await assert.rejects(connect(address, { authKey: KEY, signal: AbortSignal.abort() }), { name: 'AbortError' })
    const silent = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as net.AddressInfo
    const aborter = new AbortController()
    const connecting = connect({ host: '127.0.0.1', port }, { authKey: KEY, signal: aborter.signal })
    setTimeout(() => aborter.abort('no more'), 20)
    await assert.rejects(connecting, { name: 'AbortError', cause: 'no more' })
    // A listener that says nothing: the time limit.
    await assert.rejects(connect({ host: '127.0.0.1', port }, { authKey: KEY, timeout: 50 }), {
      name: 'AuthError',
      code: 'ERR_AUTH_TIMEOUT',
    })
    silent.close()
  })

  test('the caller’s key survives the listener and the connection', async () => {
    const key = AuthKey.generate()
    const listener = await Listener.listen({ address, authKey: key })
    const client = await connect(listener.address, { authKey: key })
    await Promise.all([(await listener.accept()).close(), client.close(), listener.close()])
    assert.equal(key.export().length, 32)
    assert.ok(!inspect(listener, { depth: 9, showHidden: true }).includes(key.export().toString('hex').slice(0, 8)))
  })
})
