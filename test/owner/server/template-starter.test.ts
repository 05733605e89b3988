// Runs in: the test runner. What the diagnostics channels tell of templates, and of servers that do not fork.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { until, watchLeaks } from '../../support/leaks.js'

watchLeaks()

const jobs = remote<typeof import('../../fixtures/contract/jobs.js')>(
  new URL('../../fixtures/contract/jobs.js', import.meta.url),
)
const NAMES = ['template:start', 'template:fail', 'template:lost', 'template:end', 'spawn:fallback'] as const

const told: [string, Record<string, unknown>][] = []
const listeners = NAMES.map((name) => ({
  name: `forkserver:${name}`,
  listener: (event: unknown): void => {
    told.push([name, event as Record<string, unknown>])
  },
}))
const namesOf = (): string[] => told.map(([name]) => name)

beforeEach(() => {
  told.length = 0
  for (const { name, listener } of listeners) subscribe(name, listener)
})
afterEach(() => {
  for (const { name, listener } of listeners) unsubscribe(name, listener)
})

test('a template starts and leaves', async () => {
  const server = await ForkServer.start({ preload: [jobs.module] })
  const { pid, report } = server
  await server.close()
  const [[, start], [, end]] = told as [(typeof told)[0], (typeof told)[0]]
  assert.deepEqual(namesOf(), ['template:start', 'template:end'])
  const { durationMs, ...started } = start
  assert.deepEqual(started, { pid, preload: [jobs.module], report })
  assert.ok((durationMs as number) > 0)
  assert.deepEqual(end, { pid, isShared: false })
})

test('a template that another process uses is left to it', async () => {
  await using starter = await ForkServer.start({ transport: 'abstract' })
  const { pid } = starter
  await using other = await ForkServer.connect(starter.address!, starter.key!)
  await starter.close()
  assert.deepEqual(told.at(-1), ['template:end', { pid, isShared: true }])
  const process = await new Process(jobs.echo, ['x'], { server: other, stdio: 'ignore' }).start()
  assert.equal(await process.result, 'x')
  await other.close()
  assert.deepEqual(namesOf(), ['template:start', 'template:end'], 'an owner that did not start it tells no end')
})

test('a template is killed, and the next start makes another one', async () => {
  await using server = await ForkServer.start({})
  const { pid } = server
  process.kill(pid!, 'SIGKILL')
  assert.ok(await until(() => namesOf().includes('template:lost')))
  assert.deepEqual(told.at(-1), ['template:lost', { pid, fate: 'was killed by SIGKILL' }])
  const child = await new Process(jobs.echo, ['x'], { server, stdio: 'ignore' }).start()
  await child.join()
  assert.deepEqual(namesOf(), ['template:start', 'template:lost', 'template:start'])
  await server.close()
  assert.deepEqual(told.at(-1), ['template:end', { pid: told[2]![1].pid, isShared: false }])
})

test('a template fails to start', async () => {
  const error = await ForkServer.start({ preload: ['forkserver-no-such-package'] }).catch((cause: unknown) => cause)
  assert.deepEqual(namesOf(), ['template:fail'])
  const [[, fail]] = told as [(typeof told)[0]]
  assert.equal(fail.error, error)
  assert.equal((error as { code?: string }).code, 'ERR_PRELOAD_FAILED')
})

test('a server that spawns because it cannot fork says so; one that was asked to spawn does not', async () => {
  await using asked = await ForkServer.start({ startMethod: 'spawn' })
  assert.deepEqual(told, [])
  const flags = ['--experimental-loader', 'data:text/javascript,export{}']
  await using unable = await ForkServer.start({ execArgv: flags })
  assert.deepEqual([asked.startMethod, unable.startMethod], ['spawn', 'spawn'])
  assert.deepEqual(told, [['spawn:fallback', { reason: unable.spawnReason }]])
})
