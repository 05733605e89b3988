// Runs in: the test runner. A child starts processes of its own: by a template of its own, by its default server, by
// the same template.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { isAlive, until } from '../support/leaks.js'
import { contractOnTransports, read, run } from './contract.js'

const nested = remote<typeof import('../fixtures/contract/nested.js')>(
  new URL('../fixtures/contract/nested.js', import.meta.url),
)

contractOnTransports(
  'a child as an owner',
  (site) => {
    for (const reference of [nested.startsItsOwn, nested.usesItsDefault]) {
      test(`${reference.name}: four of them at once`, async () => {
        const all = Array.from({ length: 4 }, () => run(reference, [], { server: site.server }))
        for (const { pid, childPid, child } of await Promise.all(all)) {
          assert.equal(child.pid, childPid)
          assert.notEqual(child.pid, pid)
          assert.equal(child.generation, 0, 'its template is new, and not a copy of the child')
        }
      })
    }

    test('that is killed: its template and its child go with it', async () => {
      const stdio = ['ignore', 'pipe', 'inherit'] as const
      const p = await new Process(nested.diesAsAnOwner, [], { server: site.server, stdio }).start()
      p.result.catch(() => {})
      const pids = (await read(p.stdout)).trim().split(' ').map(Number)
      assert.equal((await p.join()).signal, 'SIGKILL')
      assert.ok(await until(() => pids.every((pid) => pid === 0 || !isAlive(pid))), `${pids} live on`)
    })
  },
  { preload: [nested.module] },
)

describe('the same template for a child', () => {
  for (const transport of ['path', 'abstract'] as const) {
    test(`transport ${transport}: its children are siblings`, async () => {
      await using server = await ForkServer.start({ preload: [nested.module], transport })
      assert.ok(server.address && server.key)
      const family = await run(nested.usesTheSame, [server.address, server.key.export()], { server })
      assert.equal(family.child.pid, family.childPid)
      assert.equal(family.ppid, server.pid)
      assert.equal(family.child.ppid, server.pid)
    })
  }
})
