// Runs in: the test runner. A thousand children of one template: no two draw the same value from any generator, and
// each has a process id, a title, a working directory and an environment of its own.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import type { Sibling } from '../fixtures/contract/siblings.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const COUNT = 1_000
const AT_A_TIME = 16
const siblings = remote<typeof import('../fixtures/contract/siblings.js')>(
  new URL('../fixtures/contract/siblings.js', import.meta.url),
)

const skip = 'missing' in findNative() ? 'a thousand Node processes that are not forked take minutes' : false

test(`${COUNT} siblings are ${COUNT} individuals`, { skip, timeout: 480_000 }, async () => {
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-siblings-')))
  const folders = Array.from({ length: 10 }, (_, index) => path.join(folder, `${index}`))
  for (const name of folders) mkdirSync(name)
  try {
    await using server = await ForkServer.start({ preload: [siblings.module] })
    const found: Sibling[] = []
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < COUNT) {
        const index = next++
        const cwd = folders[index % folders.length]!
        const env = { ...process.env, FORKSERVER_SIBLING: `env ${index}` }
        const child = new Process(siblings.describe, [`sibling ${index}`], { server, cwd, env, stdio: 'ignore' })
        await child.start()
        const sibling = await child.result
        const { exitCode } = await child.join()
        const { pid, title } = sibling
        assert.deepEqual(
          { pid, title, cwd: sibling.cwd, env: sibling.env, exitCode },
          { pid: child.pid, title: `sibling ${index}`, cwd, env: `env ${index}`, exitCode: 0 },
        )
        found.push(sibling)
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, lane))
    assert.equal(found.length, COUNT)
    const values = found.flatMap(({ drawn }) => Object.values(drawn).flatMap((value) => value.split(',')))
    assert.ok(values.length > 10 * COUNT)
    assert.equal(new Set(values).size, values.length, 'two values are equal')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
