// Runs in: the test runner. How processes of fork() end, also when their template is replaced, closed or lost; and
// their groups. Each test has a template of its own.
import assert from 'node:assert/strict'
import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ForkServer } from 'forkserver'
import { close, fork, ready, setServer } from 'forkserver/child_process'
import { descendants, until, watchLeaks } from '../../support/leaks.js'

watchLeaks()

const WORKER = path.join(fileURLToPath(new URL('../../../../', import.meta.url)), 'test/fixtures/drop-in/worker.cjs')
const LIMIT = { timeout: 120_000 }

/** One that runs: it has answered. */
async function startEcho(): Promise<ChildProcess> {
  const child = fork(WORKER, ['echo'])
  child.send('hello')
  await once(child, 'message')
  return child
}

/** A process of a server, which is this fork()'s from now on. */
async function startOn(server: ForkServer): Promise<ChildProcess> {
  setServer(server)
  return startEcho()
}

test('close() waits for a process, whose signal is told', LIMIT, async () => {
  assert.equal(await ready(), undefined)
  const child = await startEcho()
  const exit = once(child, 'exit')
  const closed = close()
  child.kill('SIGKILL')
  assert.deepEqual(await exit, [null, 'SIGKILL'])
  await closed
})

test('close() does not wait for one that is detached', LIMIT, async () => {
  assert.equal(await ready(), undefined)
  const child = fork(WORKER, ['wait'], { detached: true })
  const ended = once(child, 'close').catch(() => {})
  await close()
  process.kill(child.pid!, 'SIGKILL')
  await ended
})

test('a server that is closed, or restarted, waits for its processes, too', LIMIT, async () => {
  const server = await ForkServer.start()
  const first = await startOn(server)
  await server.restart()
  const second = await startOn(server)
  const exits = [once(first, 'exit'), once(second, 'exit')]
  const closed = server.close()
  first.kill('SIGTERM')
  second.kill('SIGKILL')
  assert.deepEqual(await Promise.all(exits), [
    [null, 'SIGTERM'],
    [null, 'SIGKILL'],
  ])
  await closed
})

test('close() that kills does not wait: the exit is not known, and an error says why', LIMIT, async () => {
  const server = await ForkServer.start()
  const child = await startOn(server)
  const events: unknown[][] = []
  for (const event of ['error', 'exit']) child.on(event, (...args) => events.push([event, ...args]))
  await server.close({ children: 'kill' })
  const closed = new Promise((resolve) => child.once('close', resolve))
  process.kill(child.pid!, 'SIGTERM')
  await closed
  const [[event, error] = [], ...rest] = events
  assert.equal(event, 'error')
  assert.equal((error as NodeJS.ErrnoException).code, 'ERR_TEMPLATE_LOST')
  assert.deepEqual(rest, [['exit', 1, null]])
})

test('a template that is killed: an exit code is told all the same', LIMIT, async () => {
  await using server = await ForkServer.start()
  const child = await startOn(server)
  const exit = once(child, 'exit')
  process.kill(server.pid!, 'SIGKILL')
  child.disconnect()
  assert.deepEqual(await exit, [0, null])
})

test('a detached process leads its group as soon as fork() returns', LIMIT, async () => {
  await using server = await ForkServer.start({ spares: 0 })
  setServer(server)
  for (let count = 0; count < 20; count++) {
    const child = fork(WORKER, ['wait'], { detached: true })
    const exit = once(child, 'exit')
    process.kill(-child.pid!, 'SIGKILL')
    assert.deepEqual(await exit, [null, 'SIGKILL'])
  }
})

test('a server that spawns does not fork, and ready() says so', LIMIT, async () => {
  await using server = await ForkServer.start({ startMethod: 'spawn' })
  setServer(server)
  assert.match(String(await ready()), /^the server of setServer\(\) spawns: /)
  const child = fork(WORKER, ['exit', '3'])
  assert.deepEqual(await once(child, 'exit'), [3, null])
})

test('after the loss of its template fork() starts another one', LIMIT, async () => {
  await using server = await ForkServer.start()
  setServer(server)
  process.kill(server.pid!, 'SIGKILL')
  const isForked = async (): Promise<boolean> => {
    const child = fork(WORKER, ['exit', '0'])
    const { _handle } = child as unknown as { _handle: object }
    assert.deepEqual(await once(child, 'exit'), [0, null])
    return _handle.constructor.name === 'TemplateHandle'
  }
  await until(() => !descendants().some((line) => line.startsWith(`${server.pid} `)))
  for (const end = Date.now() + 60_000; !(await isForked()); ) assert.ok(Date.now() < end, 'it never forks again')
})

test('a template that is stopped: fork() waits for it once, and the exit of a process is told', LIMIT, async () => {
  await using server = await ForkServer.start({ templateTimeout: 1_000, spares: 0 })
  const child = await startOn(server)
  const exit = once(child, 'exit')
  process.kill(server.pid!, 'SIGSTOP')
  child.disconnect()
  const plain = [fork(WORKER, ['exit', '5']), fork(WORKER, ['exit', '6'])]
  const codes = await Promise.all(plain.map(async (one) => (await once(one, 'exit'))[0]))
  assert.deepEqual(codes, [5, 6])
  assert.deepEqual(await exit, [0, null])
})

test('a process that has ended is garbage, as with plain fork()', LIMIT, async () => {
  const program = path.join(path.dirname(WORKER), 'collected.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program])
  const [forked, plain] = JSON.parse(stdout) as { handle: string; left: number }[]
  assert.equal(forked!.handle, 'TemplateHandle')
  assert.ok(forked!.left <= 5, `${forked!.left} of 200 are left; of Node's own 20: ${plain!.left}`)
})

test('a program that has changed its umask does not start processes with the one before', LIMIT, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(path.dirname(WORKER), 'umask.mjs')])
  assert.equal(stdout, `${0o027}\n`)
})
