// Runs in: the test runner. Every way to a server, so that one suite of tests runs for each start method and each
// transport.
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, type StartOptions } from 'forkserver'
import { SLOWNESS } from './slowness.js'

/**
 * A way to a server: what it is called in the test's name, and how to get one. `close` ends everything that `open`
 * started.
 */
export interface Way {
  readonly name: string
  open(options?: StartOptions): Promise<{ server: ForkServer; close(): Promise<void> }>
}

/** The defaults of these options, for a machine of this speed. */
const LIMITS = { startTimeout: 60_000 * SLOWNESS, templateTimeout: 5_000 * SLOWNESS }

const started = (name: string, extra: StartOptions): Way => ({
  name,
  async open(options) {
    const server = await ForkServer.start({ ...LIMITS, ...options, ...extra })
    return { server, close: () => server.close({ children: 'kill' }) }
  },
})

const connected = (transport: 'path' | 'abstract'): Way => ({
  name: `forkserver, connected by ${transport}`,
  async open(options) {
    const starter = await ForkServer.start({ ...LIMITS, ...options, startMethod: 'forkserver', transport })
    const server = await ForkServer.connect(starter.address!, starter.key!.export(), {
      templateTimeout: LIMITS.templateTimeout,
    })
    return {
      server,
      async close() {
        await server.close({ children: 'kill' })
        await starter.close({ children: 'kill' })
      },
    }
  },
})

// By name, because on some processors it is not the default.
const FORKED = started('forkserver', { startMethod: 'forkserver' })
const SPAWNED = started('spawn', { startMethod: 'spawn' })
const CONNECTED = [connected('path'), connected('abstract')]
/** Each suite finds two spares when it begins, and mostly when a test does. */
const FROM_SPARES: Way = {
  name: 'forkserver, from spares',
  async open(options) {
    const opened = await FORKED.open({ ...options, spares: 2 })
    while (opened.server.spares && opened.server.spares.parked < 2) await sleep(5)
    return opened
  },
}

const ON_TRANSPORTS: readonly Way[] = [FORKED, ...CONNECTED, SPAWNED]

/** All ways: the contract holds for each. */
export const WAYS: readonly Way[] = [...ON_TRANSPORTS, FROM_SPARES]

/**
 * The ways that a suite runs on. A connected server differs from its starter's only in how it was reached, and in what
 * its owner knows of the template's environment. So most suites run on both start methods in `npm test`, and on the two
 * connected ways and from spares in `npm run test:slow`, which sets FORKSERVER_TEST_WAYS=rest.
 *
 * @param onTransports whether the transport can matter to the suite: then `npm test` runs it on all ways
 */
export function waysFor({ onTransports }: { onTransports: boolean }): readonly Way[] {
  const isRest = process.env.FORKSERVER_TEST_WAYS === 'rest'
  if (onTransports) return isRest ? [FROM_SPARES] : ON_TRANSPORTS
  return isRest ? [...CONNECTED, FROM_SPARES] : [FORKED, SPAWNED]
}
