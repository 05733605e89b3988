// Runs in: the test runner. Clients and listeners that are silent, slow, hostile or gone. Others are not affected, and
// nothing is left behind.
import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type Address,
  AuthKey,
  answerChallenge,
  type Connection,
  connect,
  deliverChallenge,
  pipe,
} from 'forkserver/connection'
import { connectWith } from '#src/connection/connect.js'
import type { Listener } from '#src/connection/listener.js'
import { encodeFrame, encodeFrameHeader } from '#src/wire/frames.js'
import { KEY, listenOn, ROUTES } from '../support/connections.js'
import { until, watchLeaks } from '../support/leaks.js'

watchLeaks()

type Failure = Error & { code: string }
const place = (address: Address): net.NetConnectOpts => {
  if ('host' in address) return address
  return { path: 'path' in address ? address.path : `\0${address.abstract}` }
}

/** Connects without a word of the protocol. */
async function knock(address: Address): Promise<net.Socket> {
  const socket = net.connect({ ...place(address), allowHalfOpen: true } as net.NetConnectOpts)
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.on('error', () => {})
  return socket
}

function watchRefused(listener: Listener): Failure[] {
  const refused: Failure[] = []
  listener.on('clientError', (error) => void refused.push(error as Failure))
  return refused
}

async function isServed(listener: Listener, native: (typeof ROUTES)[number]['native']): Promise<void> {
  const [client, server] = await Promise.all([
    connectWith(native, listener.address, { authKey: KEY }),
    listener.accept(),
  ])
  await client.send('served')
  assert.equal(await server.recv(), 'served')
  await Promise.all([client.close(), server.close()])
}

const lengths: Record<string, Buffer> = {
  '0x7fffffff': encodeFrameHeader(0x7fffffff),
  '-1 and 2^63': Buffer.from([255, 255, 255, 255, 128, 0, 0, 0, 0, 0, 0, 0]),
  '-2': Buffer.from([255, 255, 255, 254]),
  '-2^31': Buffer.from([128, 0, 0, 0]),
  '257': encodeFrameHeader(257),
}

// Node 20 knows no abstract names in node:net, which plays the attacker.
for (const route of ROUTES.filter(({ name }) => name !== 'abstract')) {
  describe(`bad clients at ${route.name}`, () => {
    test('each hostile beginning ends that client, at once, and nobody else', async () => {
      const { listener, close } = await listenOn(route)
      const refused = watchRefused(listener)
      const beginnings: Record<string, Buffer> = {
        ...lengths,
        'a wrong answer': encodeFrame(Buffer.concat([Buffer.from('{sha256}'), Buffer.alloc(32)])),
        'a downgrade to MD5': encodeFrame(Buffer.alloc(16)),
        'a named downgrade': encodeFrame(Buffer.concat([Buffer.from('{md5}'), Buffer.alloc(16)])),
        'a verdict': encodeFrame(Buffer.from('#WELCOME#')),
        nothing: encodeFrame(Buffer.alloc(0)),
        'another protocol': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      }
      for (const [name, bytes] of Object.entries(beginnings)) {
        const before = refused.length
        const socket = await knock(listener.address)
        socket.write(bytes)
        socket.resume()
        await new Promise((resolve) => socket.once('close', resolve).once('end', () => socket.destroy()))
        assert.ok(await until(() => refused.length > before), name)
        assert.match(refused.at(-1)!.code, /^ERR_(AUTH_REFUSED|PROTOCOL|MESSAGE_TOO_LARGE)$/, name)
        await isServed(listener, route.native)
      }
      await close()
    })

    test('clients that leave: before a word, in a frame, after the challenge', async () => {
      const { listener, close } = await listenOn(route)
      const refused = watchRefused(listener)
      for (const bytes of ['', '\0\0', '\0\0\0\x28half of an answer']) {
        const before = refused.length
        const socket = await knock(listener.address)
        socket.end(bytes, 'latin1').destroySoon()
        assert.ok(await until(() => refused.length > before), JSON.stringify(bytes))
        assert.match(refused.at(-1)!.code, /^ERR_CONNECTION_(ENDED|CLOSED)$/)
      }
      await isServed(listener, route.native)
      await close()
    })

    test('one thousand silent clients: each is dropped, others are served meanwhile', async () => {
      const { listener, close } = await listenOn(route, {
        maxPendingHandshakes: 2_000,
        handshakeTimeout: 1_500,
        backlog: 512,
      })
      const refused = watchRefused(listener)
      const memory = process.memoryUsage()
      const silent: net.Socket[] = []
      for (let count = 0; count < 1_000; count += 50) {
        silent.push(...(await Promise.all(Array.from({ length: 50 }, () => knock(listener.address)))))
        if (count % 250 === 0) await isServed(listener, route.native)
      }
      const { rss } = process.memoryUsage()
      assert.ok(
        rss - memory.rss < 150 * 1024 * 1024,
        `${(rss - memory.rss) / 1024} KiB for 1,000 clients and both their ends`,
      )
      await isServed(listener, route.native)
      assert.ok(await until(() => refused.length === 1_000, 30_000), `${refused.length} were dropped`)
      assert.deepEqual(new Set(refused.map(({ code }) => code)), new Set(['ERR_AUTH_TIMEOUT']))
      for (const socket of silent) socket.destroy()
      await isServed(listener, route.native)
      await close()
    })

    test('with more than maxPendingHandshakes the oldest make room, one after the other', async () => {
      const { listener, close } = await listenOn(route, { maxPendingHandshakes: 3, handshakeTimeout: 60_000 })
      const refused = watchRefused(listener)
      const silent: net.Socket[] = []
      for (let count = 0; count < 10; count++) silent.push(await knock(listener.address))
      assert.ok(await until(() => refused.length === 7, 20_000), `${refused.length}`)
      await isServed(listener, route.native)
      assert.ok(refused.every(({ code }) => code === 'ERR_AUTH_TIMEOUT'))
      for (const socket of silent) socket.destroy()
      await close()
    })

    test('a proved client whose length lies costs itself only', async () => {
      const { listener, close } = await listenOn(route, { authKey: null })
      for (const [name, bytes] of Object.entries(lengths)) {
        const socket = await knock(listener.address)
        const server = await listener.accept()
        const before = process.memoryUsage().arrayBuffers
        socket.end(bytes)
        const failure = await server.recvBytes().catch((error: Failure) => error)
        assert.ok(failure instanceof Error, name)
        assert.match(failure.code, /^ERR_(PROTOCOL|MESSAGE_TOO_LARGE|CONNECTION_ENDED)$/, name)
        assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024, name)
        await server.close()
        socket.destroy()
      }
      await close()
    })

    test('fuzz: whatever bytes come, the listener lives and every error is typed', async () => {
      const { listener, close } = await listenOn(route, { handshakeTimeout: 5_000 })
      const refused = watchRefused(listener)
      const start = fc.constantFrom('', '\0\0\0\x28{sha256}', '\0\0\0\x10', '\0\0\0\x09#WELCOME#', '\xff\xff\xff\xff')
      const noise = fc.tuple(start, fc.uint8Array({ minLength: 1, maxLength: 80 }))
      const inputs = fc.sample(noise, Number(process.env.FORKSERVER_FUZZ_RUNS || 150))
      for (const [head, tail] of inputs) {
        const socket = await knock(listener.address)
        socket.write(Buffer.concat([Buffer.from(head, 'latin1'), tail]))
        socket.end()
        socket.resume()
      }
      assert.ok(await until(() => refused.length === inputs.length, 20_000), `${refused.length} of ${inputs.length}`)
      for (const { code } of refused) {
        assert.match(
          code,
          /^ERR_(AUTH_REFUSED|PROTOCOL|MESSAGE_TOO_LARGE|CONNECTION_ENDED|CONNECTION_CLOSED|AUTH_TIMEOUT)$/,
        )
      }
      await isServed(listener, route.native)
      await close()
    })
  })
}

describe('bad listeners', () => {
  const cases: Record<string, [Buffer, RegExp]> = {
    'a farewell': [encodeFrame(Buffer.from('#FAILURE#')), /ERR_PROTOCOL/],
    'a welcome without a challenge': [encodeFrame(Buffer.from('#WELCOME#')), /ERR_PROTOCOL/],
    'a legacy challenge': [
      encodeFrame(Buffer.concat([Buffer.from('#CHALLENGE#'), Buffer.alloc(20)])),
      /ERR_AUTH_REFUSED/,
    ],
    'a challenge for MD5': [
      encodeFrame(Buffer.concat([Buffer.from('#CHALLENGE#{md5}'), Buffer.alloc(40)])),
      /ERR_PROTOCOL/,
    ],
    'a length': [encodeFrameHeader(0x7fffffff), /ERR_MESSAGE_TOO_LARGE/],
    'half a frame': [Buffer.from([0, 0, 0, 59, 1]), /ERR_CONNECTION_ENDED/],
    nothing: [Buffer.alloc(0), /ERR_CONNECTION_CLOSED/],
  }
  for (const [name, [bytes, code]] of Object.entries(cases)) {
    test(name, async () => {
      const server = net.createServer((socket) => socket.on('error', () => {}).end(bytes))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as net.AddressInfo
      await assert.rejects(connect({ host: '127.0.0.1', port }, { authKey: KEY }), { code })
      server.close()
    })
  }
})

describe('the halves of the handshake', () => {
  const both = async (run: (one: Connection, other: Connection) => Promise<void>): Promise<void> => {
    const [one, other] = await pipe()
    await run(one, other)
    await Promise.all([one.close(), other.close()])
  }

  test('each side challenges, in either order', () =>
    both(async (one, other) => {
      await Promise.all([deliverChallenge(one, KEY), answerChallenge(other, KEY)])
      await Promise.all([answerChallenge(one, KEY), deliverChallenge(other, KEY, { digest: 'sha3_384' })])
      await one.send('open')
      assert.equal(await other.recv(), 'open')
    }))

  test('two keys', () =>
    both(async (one, other) => {
      const refused = { name: 'AuthError', code: 'ERR_AUTH_REFUSED' }
      const stranger = AuthKey.generate()
      await Promise.all([
        assert.rejects(deliverChallenge(one, KEY), refused),
        assert.rejects(answerChallenge(other, stranger), refused),
      ])
    }))

  test('silence, and a signal', () =>
    both(async (one) => {
      await assert.rejects(answerChallenge(one, KEY, { timeout: 20 }), { name: 'AuthError', code: 'ERR_AUTH_TIMEOUT' })
      const signal = AbortSignal.timeout(20)
      await assert.rejects(answerChallenge(one, KEY, { signal }), { name: 'AbortError', code: 'ABORT_ERR' })
      await assert.rejects(answerChallenge(one, Buffer.alloc(3)), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
    }))

  test('options', () =>
    both(async (one) => {
      for (const [options, code] of [
        [{ timeuot: 1 }, 'ERR_UNKNOWN_OPTION'],
        [{ timeout: 0 }, 'ERR_INVALID_OPTION'],
        [{ digest: 'sha1' }, 'ERR_INVALID_OPTION'],
        [{ digest: 'md5' }, 'ERR_INVALID_OPTION'],
      ] as const) {
        await assert.rejects(deliverChallenge(one, KEY, options as never), { name: 'UsageError', code })
        await assert.rejects(answerChallenge(one, KEY, options as never), { name: 'UsageError', code })
      }
    }))
})
