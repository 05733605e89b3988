// Runs in: the test runner. Restarts leave no process and no descriptor behind, also if children of each template run
// meanwhile.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { descendants, openDescriptors, until, watchLeaks } from '../support/leaks.js'
import { ModuleFolder, type Versioned } from '../support/modules.js'

watchLeaks()

const RESTARTS = 50
const folder = new ModuleFolder()

describe(`${RESTARTS} restarts`, { timeout: 600_000 }, () => {
  for (const transport of ['private', 'path'] as const) {
    test(`leave nothing (${transport})`, async () => {
      const module = folder.writeVersion(`${transport}.mjs`, 'old')
      const server = await ForkServer.start({ preload: [module], transport, spares: 0 })
      await server.restart()
      assert.ok(await until(() => descendants().length === 1))
      const before = openDescriptors().length
      for (let count = 0; count < RESTARTS; count++) {
        const child = await new Process(remote<Versioned>(module).version, [], { server, stdio: 'ignore' }).start()
        await server.restart()
        assert.equal(await child.result, 'old')
        await child.join()
      }
      assert.ok(await until(() => descendants().length === 1), 'only the last template is there')
      assert.ok(await until(() => openDescriptors().length <= before), 'and only its descriptors')
      await server.close()
    })
  }
})
