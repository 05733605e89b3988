// Runs in: the test runner. A restart of a server that spawns since forked children crashed: whatever has old modules
// is stale, however it was started.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CrashFallback } from '#src/owner/launch/crash-fallback.js'
import type { Launched, Launcher, LaunchRequest } from '#src/owner/launch/launcher.js'

const CRASHES = 3

/** A child that crashes at its birth. */
const crashed = {
  channel: { ended: Promise.resolve(), hasBegun: false, listen: () => {} },
  stdio: [],
  exited: Promise.resolve({ exitCode: null, signal: 'SIGSEGV' }),
} as unknown as Launched

function launcherOf(startMethod: Launcher['startMethod'], calls: string[]): Launcher {
  return {
    startMethod,
    launch: async () => crashed,
    restart: async () => void calls.push(`${startMethod} restart`),
    outdate: () => void calls.push(`${startMethod} outdate`),
    killAttached() {},
    async close() {},
  }
}

test('restart() reaches both launchers, and starts no template any more', async () => {
  const calls: string[] = []
  const launcher = new CrashFallback(launcherOf('forkserver', calls), () => launcherOf('spawn', calls))
  await launcher.restart()
  assert.deepEqual(calls.splice(0), ['forkserver restart'])
  const request = { stdio: ['pipe', 'pipe', 'pipe'] } as unknown as LaunchRequest
  for (let count = 0; count < CRASHES; count++) await launcher.launch(request)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(launcher.startMethod, 'spawn')
  await launcher.restart()
  assert.deepEqual(calls, ['forkserver outdate', 'spawn restart'])
})
