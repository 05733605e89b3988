// Runs in: the test runner. Every way to a pair of connections, so that one suite runs for each transport and for both
// engines: our own system calls and node:net.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Address, AuthKey, type Connection, type ConnectionOptions } from 'forkserver/connection'
import { connectWith } from '#src/connection/connect.js'
import type { ListenOptions } from '#src/connection/connection-options.js'
import { Listener } from '#src/connection/listener.js'
import { pipeWith } from '#src/connection/pipe.js'
import { findNative, type Native } from '#src/platform/native.js'

const found = findNative()
/** The addon, where there is one. */
export const addon: Native | undefined = 'native' in found ? found.native : undefined

export const KEY = AuthKey.generate()

/** A fresh folder, which `remove` takes away. */
export function temporary(): { folder: string; remove(): void } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fsc-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A way to listen and connect. */
export interface Route {
  readonly name: string
  readonly native: Native | undefined
  /** Makes an address, and what takes it away. */
  address(): { address: Address; remove(): void }
}

const fixed = (address: () => Address) => () => ({ address: address(), remove: () => {} })
const file = () => {
  const { folder, remove } = temporary()
  return { address: { path: path.join(folder, 'socket') }, remove }
}

/** All routes that this machine has. */
export const ROUTES: readonly Route[] = [
  { name: 'IPv4', native: addon, address: fixed(() => ({ host: '127.0.0.1', port: 0 })) },
  { name: 'IPv6', native: addon, address: fixed(() => ({ host: '::1', port: 0 })) },
  { name: 'path, node:net', native: undefined, address: file },
  ...(addon
    ? [
        { name: 'path', native: addon, address: file },
        {
          name: 'abstract',
          native: addon,
          address: fixed(() => ({ abstract: `fsc-${randomBytes(8).toString('hex')}` })),
        },
      ]
    : []),
]

/** Two connected ends, and what closes everything. */
export interface Pair {
  readonly one: Connection
  readonly other: Connection
  close(): Promise<void>
}

/** A way to a pair. */
export interface Way {
  readonly name: string
  /** Whether it is a unix socket of our own: it has a descriptor and passes others. */
  readonly isNative: boolean
  open(options?: ConnectionOptions): Promise<Pair>
}

/** Listens on a route. */
export async function listenOn(
  route: Route,
  options: Partial<ListenOptions> = {},
): Promise<{ listener: Listener; close(): Promise<void> }> {
  const { address, remove } = route.address()
  const listener = await Listener.listenWith(route.native, { address, authKey: KEY, ...options })
  return {
    listener,
    async close() {
      await listener.close()
      remove()
    },
  }
}

const routeWay = (route: Route): Way => ({
  name: route.name,
  isNative: route.native !== undefined && !route.name.startsWith('IP'),
  async open(options) {
    const { listener, close } = await listenOn(route, options)
    const [one, other] = await Promise.all([
      connectWith(route.native, listener.address, { authKey: KEY, ...options }),
      listener.accept(),
    ])
    return {
      one,
      other,
      async close() {
        await Promise.all([one.close(), other.close()])
        await close()
      },
    }
  },
})

const pipeWay = (name: string, native: Native | undefined): Way => ({
  name,
  isNative: native !== undefined,
  async open(options) {
    const [one, other] = await pipeWith(native, options)
    return { one, other, close: async () => void (await Promise.all([one.close(), other.close()])) }
  },
})

/** All ways: the contract holds for each. */
export const WAYS: readonly Way[] = [
  ...ROUTES.map(routeWay),
  ...(addon ? [pipeWay('pipe()', addon)] : []),
  pipeWay('pipe(), node:net', undefined),
]

/** Runs a test with a pair that is closed at its end. */
export function withPair(
  way: Way,
  run: (pair: Pair) => Promise<void>,
  options?: ConnectionOptions,
): () => Promise<void> {
  return async () => {
    const pair = await way.open(options)
    try {
      await run(pair)
    } finally {
      await pair.close()
    }
  }
}
