// Runs in: the test runner. A child can be debugged as any Node: by the inspector's port, and by breakpoints in
// preloaded code.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remote } from 'forkserver'
import { contract, run } from './contract.js'

const debugged = remote<typeof import('../fixtures/contract/debugged.js')>(
  new URL('../fixtures/contract/debugged.js', import.meta.url),
)

contract(
  'debugging a child',
  (site) => {
    test("the inspector's port answers", async () => {
      const { targets, url } = await run(debugged.opensInspector, [], { server: site.server })
      assert.deepEqual(
        targets.map(({ type, webSocketDebuggerUrl }) => [type, webSocketDebuggerUrl]),
        [['node', url]],
      )
    })

    test('a breakpoint in preloaded code stops, and sees its variables', async () => {
      const found = await run(debugged.stopsAtBreakpoint, [], { server: site.server })
      assert.deepEqual(found, { stopped: 1, seen: 42 })
    })
  },
  { preload: [debugged.module] },
)
