// Runs in: the test runner. Real Pythons on the other side, listening and connecting: every Python that is found. If
// there is none, the recorded handshakes of auth.test and auth-digests.test are the only check.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import {
  type Address,
  AuthKey,
  type AuthOptions,
  type Connection,
  type ConnectionOptions,
  connect,
  Listener,
} from 'forkserver/connection'
import { addon, ROUTES, temporary } from '../support/connections.js'
import { until, watchLeaks } from '../support/leaks.js'
import { findPeers, type ModernPython, type Peer, startPeer } from './python-peer.js'

watchLeaks()

const pythons = findPeers()
// multiprocessing.connection takes every (host, port) for IPv4.
const SPOKEN = ROUTES.filter(({ name }) => !name.endsWith('node:net') && name !== 'IPv6')
const KEY = randomBytes(32)
const EMPTY = AuthKey.from(new Uint8Array(0), { allowShort: true })
const SIZES = [0, 1, 16_383, 16_384, 16_385, 1_048_576]
const HUGE = 256 * 1_048_576

interface Meeting {
  readonly scenario: string
  readonly argument?: string
  readonly ours?: Partial<AuthOptions> & ConnectionOptions
  readonly theirKey?: Uint8Array | null
}

/** Lets a Python connect to us, or us to it, and returns both. */
async function meet(
  python: ModernPython,
  side: 'listen' | 'connect',
  address: Address,
  { scenario, argument, ours, theirKey = KEY }: Meeting,
): Promise<{ connection: Promise<Connection>; peer: Peer; close(): Promise<void>; refused: Error[] }> {
  const options = { authKey: KEY, allowLegacyMd5: !python.isModern, timeout: 60_000, ...ours }
  const refused: Error[] = []
  if (side === 'listen') {
    const peer = startPeer(python, 'listen', { address, key: theirKey, scenario, ...(argument && { argument }) })
    return { connection: connect(await peer.address, options), peer, refused, close: async () => {} }
  }
  const { timeout, ...listening } = options
  const listener = await Listener.listen({ address, handshakeTimeout: timeout, ...listening })
  listener.on('clientError', (error) => void refused.push(error))
  const peer = startPeer(python, 'connect', {
    address: listener.address,
    key: theirKey,
    scenario,
    ...(argument && { argument }),
  })
  // A peer that fails before it connects is what the test is told, not a wait.
  const failed = peer.lastWord.then(() => new Promise<never>(() => {}))
  const connection = Promise.race([listener.accept(), failed])
  connection.catch(() => {})
  return { connection, peer, refused, close: () => listener.close() }
}

for (const [index, python] of pythons.entries()) {
  for (const side of ['connect', 'listen'] as const) {
    describe(`CPython ${python.version} (${side === 'listen' ? 'it listens' : 'it connects'})`, () => {
      const withAddress = (run: (address: Address) => Promise<void>) => async (): Promise<void> => {
        const route = ROUTES.find(({ name }) => name === (addon ? 'path' : 'path, node:net'))!
        const { address, remove } = route.address()
        await run(address)
        remove()
      }

      test('bytes of every size come back, over every transport', async () => {
        for (const route of SPOKEN) {
          const { address, remove } = route.address()
          const { connection, peer, close } = await meet(python, side, address, { scenario: 'echo' })
          await using open = await connection
          for (const size of index === 0 && side === 'connect' && route.name === 'path' ? [...SIZES, HUGE] : SIZES) {
            const bytes = randomBytes(Math.min(size, 1_048_576))
            const message = size > bytes.length ? Buffer.alloc(size, bytes) : bytes
            const [back] = await Promise.all([open.recvBytes(), open.sendBytes(message)])
            assert.ok(back.equals(message), `${size} bytes over ${route.name}`)
          }
          open.end()
          assert.equal(await peer.lastWord, 'ended')
          await close()
          remove()
        }
      })

      test(
        'unicode and plain data as JSON',
        withAddress(async (address) => {
          const { connection, peer, close } = await meet(python, side, address, {
            scenario: 'greet',
            ours: { codec: 'json' },
          })
          await using open = await connection
          assert.deepEqual(await open.recv(), { text: 'täxt ☃', list: [1, null] })
          await open.send({ reply: 'plain' })
          assert.equal(await peer.lastWord, 'plain')
          await close()
        }),
      )

      test(
        'values of either side as pickles',
        withAddress(async (address) => {
          const { connection, peer, close } = await meet(python, side, address, {
            scenario: 'values',
            ours: { codec: 'pickle' },
          })
          await using open = await connection
          for (const [value, type] of [
            [null, 'NoneType'],
            [7, 'int'],
            [1.5, 'float'],
            [2n ** 70n, 'int'],
            ['täxt ☃', 'str'],
            [new Uint8Array([1, 2]), 'bytes'],
            [[1, [2, { a: true }]], 'list'],
            [{ id: 1, parts: new Set([1, 2]) }, 'dict'],
          ]) {
            await open.send(value)
            assert.deepEqual(await open.recv(), [type, value])
          }
          open.end()
          assert.equal(await peer.lastWord, 'ended')
          await close()
        }),
      )

      test(
        'a wrong key is refused on both sides',
        withAddress(async (address) => {
          const { connection, peer, refused, close } = await meet(python, side, address, {
            scenario: 'echo',
            theirKey: randomBytes(32),
          })
          const ours = connection.then(
            () => undefined,
            (error: Error) => error,
          )
          assert.match(await peer.lastWord, /AuthenticationError|EOFError|OSError|ConnectionResetError/)
          await close()
          const error = side === 'listen' ? await ours : refused[0]
          assert.equal((error as Error & { code: string }).code, 'ERR_AUTH_REFUSED')
        }),
      )

      test(
        'an empty key',
        withAddress(async (address) => {
          // By hand: before 3.13, Listener and Client take an empty key for none (bpo-43952).
          const meeting = { scenario: 'challenge', ours: { authKey: EMPTY }, theirKey: new Uint8Array(0) }
          const { connection, peer, close } = await meet(python, side, address, meeting)
          await using open = await connection
          open.end()
          assert.equal(await peer.lastWord, 'ended')
          await close()
        }),
      )

      test(
        python.isModern ? 'each digest, theirs and ours' : 'without allowLegacyMd5 it is refused',
        withAddress(async (address) => {
          if (!python.isModern) {
            const { connection, peer, refused, close } = await meet(python, side, address, {
              scenario: 'echo',
              ours: { allowLegacyMd5: false },
            })
            const ours = connection.catch((error: Error) => error)
            await peer.lastWord
            await close()
            const error = (side === 'listen' ? await ours : refused[0]) as Error & { code: string }
            assert.equal(error.code, 'ERR_AUTH_REFUSED')
            assert.match(error.message, /allowLegacyMd5/)
            return
          }
          for (const digest of ['sha256', 'sha384', 'sha3_256', 'sha3_384', 'md5'] as const) {
            const allow = { digest, allowLegacyMd5: digest === 'md5' }
            const scenario = side === 'connect' ? 'challenge' : 'echo'
            const { connection, peer, close } = await meet(python, side, address, {
              scenario,
              argument: digest,
              ours: allow,
            })
            const open = await connection
            const [back] = await Promise.all([open.recvBytes(), open.sendBytes(Buffer.from(digest))])
            assert.equal(String(back), digest)
            open.end()
            assert.equal(await peer.lastWord, 'ended')
            await open.close()
            await close()
          }
        }),
      )

      test(
        'descriptors in both directions',
        { skip: !addon },
        withAddress(async (address) => {
          const { folder, remove } = temporary()
          const [given, written] = [path.join(folder, 'given'), path.join(folder, 'written')]
          writeFileSync(given, 'read by Node')
          const { connection, peer, close } = await meet(python, side, address, {
            scenario: 'handles',
            argument: given,
          })
          await using open = await connection
          assert.equal(String(await open.recvBytes()), 'before')
          const fd = await open.recvHandle()
          const text = Buffer.alloc(100)
          assert.equal(text.toString('utf8', 0, readSync(fd, text)), 'read by Node')
          closeSync(fd)
          assert.equal(String(await open.recvBytes()), 'after')
          await open.sendBytes(Buffer.from('next is a descriptor'))
          const file = openSync(written, 'w')
          await open.sendHandle(file)
          closeSync(file)
          assert.equal(String(await open.recvBytes()), 'done')
          assert.equal(await peer.lastWord, 'done')
          assert.equal(readFileSync(written, 'utf8'), 'written by Python')
          await close()
          remove()
        }),
      )

      test(
        'it leaves at each step: a typed error, and the next one is served',
        withAddress(async (address) => {
          for (const step of side === 'connect' ? ['0', '1', '2', 'frame'] : ['0', 'frame']) {
            const { connection, peer, refused, close } = await meet(python, side, address, {
              scenario: 'cut',
              argument: step,
            })
            const ours = connection.catch((error: Error) => error)
            await peer.lastWord
            if (side === 'connect') {
              assert.ok(await until(() => refused.length > 0))
              const again = startPeer(python, 'connect', { address, key: KEY, scenario: 'echo' })
              const served = (await ours) as Connection
              served.end()
              assert.equal(await again.lastWord, 'ended')
              await served.close()
            }
            await close()
            const error = (side === 'listen' ? await ours : refused[0]) as Error & { code: string }
            assert.match(
              error.code,
              /^ERR_(CONNECTION_CLOSED|CONNECTION_ENDED|MESSAGE_TOO_LARGE|AUTH_REFUSED|PROTOCOL)$/,
              step,
            )
          }
        }),
      )
    })
  }
}

test('Pythons were found, or it is said that there are none', (t) => {
  if (pythons.length === 0) t.skip('no python3 from 3.8 on: set FORKSERVER_TEST_PYTHONS')
  else t.diagnostic(`CPython ${pythons.map(({ version }) => version).join(', ')}`)
})
