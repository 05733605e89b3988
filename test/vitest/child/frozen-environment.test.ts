// Runs in: the test runner. A child takes over what its template has set up, if that is what it needs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Environment, freezeEnvironment, takeEnvironmentOver } from '#src/vitest/child/frozen-environment.js'

function environment(): { dom: Environment; calls: string[] } {
  const calls: string[] = []
  const dom: Environment = {
    name: 'dom',
    setup: (_global, options) => {
      const name = JSON.stringify(options)
      calls.push(`setup ${name}`)
      return { teardown: () => calls.push(`teardown ${name}`) }
    },
  }
  return { dom, calls }
}

test('equal options: it is not set up again', async () => {
  const { dom, calls } = environment()
  await freezeEnvironment(dom, { url: 'a' })
  await takeEnvironmentOver('dom', { url: 'a' })
  const { teardown } = await dom.setup(globalThis, { url: 'a' })
  assert.deepEqual(calls, ['setup {"url":"a"}'])
  teardown(globalThis)
  await dom.setup(globalThis, { url: 'b' }) // a second one in the same process
  assert.deepEqual(calls, ['setup {"url":"a"}', 'teardown {"url":"a"}', 'setup {"url":"b"}'])
})

for (const [name, options] of [
  ['dom', { url: 'b' }],
  ['node', { url: 'a' }],
] as const)
  test(`${name} ${JSON.stringify(options)}: it is taken down first`, async () => {
    const { dom, calls } = environment()
    await freezeEnvironment(dom, { url: 'a' })
    await takeEnvironmentOver(name, options)
    assert.deepEqual(calls, ['setup {"url":"a"}', 'teardown {"url":"a"}'])
    await dom.setup(globalThis, options)
    assert.equal(calls.length, 3)
  })

test('nothing was set up', async () => {
  const { dom, calls } = environment()
  await takeEnvironmentOver('dom', {})
  await dom.setup(globalThis, {})
  assert.deepEqual(calls, ['setup {}'])
})
