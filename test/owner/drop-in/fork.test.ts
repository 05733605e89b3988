// Runs in: the test runner. fork() of forkserver/child_process: what a user sees of it is what child_process shows.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import childProcess, { ChildProcess, type ForkOptions } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ForkServer } from 'forkserver'
import { close, fork, ready, setServer } from 'forkserver/child_process'
import { descendants, isAlive, until, watchLeaks } from '../../support/leaks.js'

after(() => close())
watchLeaks() // after it: hooks run in their order

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const WORKER = path.join(ROOT, 'test/fixtures/drop-in/worker.cjs')
const OWNER = path.join(ROOT, 'test/fixtures/drop-in/owner.cjs')
const EVENTS = ['spawn', 'message', 'disconnect', 'exit', 'close', 'error'] as const

interface Seen {
  events: unknown[][]
  stdout: string
  stderr: string
}

/** Follows a process to its end. */
async function follow(child: ChildProcess): Promise<Seen> {
  const seen: Seen = { events: [], stdout: '', stderr: '' }
  for (const event of EVENTS) child.on(event, (...args: unknown[]) => seen.events.push([event, ...args.map(plain)]))
  child.stdout?.on('data', (chunk) => (seen.stdout += chunk))
  child.stderr?.on('data', (chunk) => (seen.stderr += chunk))
  await once(child, 'close').catch(() => new Promise((resolve) => child.once('close', resolve)))
  return seen
}

const plain = (value: unknown): unknown => (value instanceof Error ? `${value.name}: ${value.message}` : value)
/** Errors of Node that name places of Node's own code, or nothing of a process's own. */
const withoutStacks = (text: string): string => text.replace(/^\s+at .*\n/gm, '')

before(async () => assert.equal(await ready(), undefined))

const isForked = (child: ChildProcess): boolean =>
  (child as unknown as { _handle: object })._handle.constructor.name === 'TemplateHandle'

describe('the same as child_process.fork()', () => {
  const both = async (start: (from: typeof fork) => ChildProcess): Promise<void> => {
    const child = start(fork)
    assert.ok(isForked(child))
    const [ours, theirs] = await Promise.all([follow(child), follow(start(childProcess.fork))])
    assert.deepEqual(
      { ...ours, stderr: withoutStacks(ours.stderr) },
      { ...theirs, stderr: withoutStacks(theirs.stderr) },
    )
  }
  const cases: Record<string, [string[], ForkOptions?]> = {
    'an exit code': [['exit', '7']],
    'no work': [[]],
    'silent output': [['print'], { silent: true }],
    'a list of stdio': [['print'], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] }],
    'an uncaught error': [['throw'], { silent: true }],
    'an abort': [['abort'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }],
    'a timeout': [['wait'], { timeout: 150 }],
    'a timeout with a signal': [['wait'], { timeout: 150, killSignal: 'SIGINT' }],
    'a folder that does not exist': [['exit', '0'], { cwd: '/does/not/exist' }],
    detached: [['exit', '3'], { detached: true }],
  }
  for (const [name, [args, options]] of Object.entries(cases)) {
    test(name, () =>
      name.startsWith('a folder')
        ? Promise.all([follow(fork(WORKER, args, options)), follow(childProcess.fork(WORKER, args, options))]).then(
            ([ours, theirs]) => assert.deepEqual(ours, theirs),
          )
        : both((from) => from(WORKER, args, options)),
    )
  }

  test('a module that does not exist', () => both((from) => from('/no/such/module.js', [], { silent: true })))

  test('arguments and flags that are no strings', async () => {
    const values = [5, undefined, null, true, 1n, new URL('file:///x'), [1, 2], Buffer.from('b'), () => 1, { a: 1 }]
    const argvOf = async (from: typeof fork): Promise<unknown> => {
      const child = from(WORKER, ['describe', ...values] as string[])
      const [{ argv }] = (await once(child, 'message')) as [{ argv: unknown }]
      await once(child, 'close')
      return argv
    }
    assert.deepEqual(await argvOf(fork), await argvOf(childProcess.fork))
    const options = { execArgv: ['--title', 5] as string[] }
    assert.deepEqual(
      await follow(fork(WORKER, ['exit', '4'], options)),
      await follow(childProcess.fork(WORKER, ['exit', '4'], options)),
    )
  })

  test('a message, and a disconnect by the process', () =>
    both((from) => {
      const child = from(WORKER, ['once'])
      child.send({ a: 1 })
      return child
    }))

  test('an abort by a signal', () =>
    both((from) => {
      const stop = new AbortController()
      const child = from(WORKER, ['wait'], { signal: stop.signal })
      child.once('spawn', () => stop.abort())
      return child
    }))

  test('wrong arguments', () => {
    const wrong: unknown[][] = [[], [1], [WORKER, 'text'], [WORKER, [], 1], [WORKER, [], { stdio: ['pipe'] }]]
    wrong.push([WORKER, [], { serialization: 'xml' }], [WORKER, ['a\0b']], [WORKER, [], { signal: {} }])
    for (const args of wrong) {
      const codeOf = (from: unknown): unknown => {
        try {
          Reflect.apply(from as typeof fork, undefined, args)
        } catch (error) {
          return `${(error as NodeJS.ErrnoException).code} ${(error as Error).message}`
        }
        return 'nothing thrown'
      }
      assert.notEqual(codeOf(fork), 'nothing thrown')
      assert.equal(codeOf(fork), codeOf(childProcess.fork))
    }
  })
})

test('is a ChildProcess with a pid at once, and the process is what it should be', async () => {
  const env = { ...process.env, MARK: 'here' }
  const child = fork(WORKER, ['describe', 'more'], { cwd: '/', env })
  assert.ok(child instanceof ChildProcess)
  assert.ok(isForked(child))
  assert.equal(typeof child.pid, 'number')
  const [said] = await once(child, 'message')
  assert.deepEqual(said, {
    pid: child.pid,
    ppid: process.pid,
    execArgv: process.execArgv,
    connected: true,
    argv: [WORKER, 'describe', 'more'],
    cwd: '/',
    variables: { NODE_CHANNEL_FD: null, MARK: 'here' },
    main: true,
  })
  await once(child, 'close')
})

test('many at once, and their messages', async () => {
  const children = Array.from({ length: 20 }, () => fork(WORKER, ['echo']))
  await Promise.all(
    children.map(async (child, index) => {
      child.send(index)
      assert.equal((await once(child, 'message'))[0], index)
      child.disconnect()
      assert.deepEqual(await once(child, 'exit'), [0, null])
    }),
  )
})

test('kill() and signal 0', async () => {
  const child = fork(WORKER, ['wait'])
  assert.equal(child.kill(0), true)
  assert.equal(child.kill('SIGKILL'), true)
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL'])
  assert.equal(child.kill(0), false)
  assert.throws(() => child.kill('SIGNONE' as NodeJS.Signals), { code: 'ERR_UNKNOWN_SIGNAL' })
})

test('streams: stdin is written, stdout read', async () => {
  const child = fork(WORKER, ['read'], { silent: true })
  child.stdin!.end('through the process')
  let text = ''
  child.stdout!.on('data', (chunk) => (text += chunk))
  child.disconnect() // Node emits no 'close' if it is the owner that disconnects
  await Promise.all([once(child, 'exit'), once(child.stdout!, 'end')])
  assert.equal(text, 'through the process')
})

test('a socket travels with a message', async () => {
  const child = fork(WORKER, ['echo'])
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  child.send('a socket', socket)
  let text = ''
  client.on('data', (chunk) => (text += chunk))
  await once(client, 'end')
  assert.equal(text, 'from the process')
  server.close()
  child.disconnect()
  await once(child, 'exit')
})

test("listeners run in the async context of fork()'s call", async () => {
  const storage = new AsyncLocalStorage<string>()
  const child = storage.run('mine', () => fork(WORKER, ['exit', '0']))
  const context = await new Promise((resolve) => child.on('exit', () => resolve(storage.getStore())))
  const plainChild = storage.run('mine', () => childProcess.fork(WORKER, ['exit', '0']))
  const plainContext = await new Promise((resolve) => plainChild.on('exit', () => resolve(storage.getStore())))
  assert.equal(context, plainContext)
})

test('flags that a template cannot have, and other programs, are started the plain way', async () => {
  const inspected = fork(WORKER, ['exit', '0'], { execArgv: ['--inspect=0'], silent: true })
  assert.equal(isForked(inspected), false)
  await once(inspected, 'close')
  const other = fork(WORKER, [], { execPath: '/bin/true', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  assert.equal(isForked(other), false)
  await once(other, 'close')
})

test('other flags get a template at their second use', async () => {
  const execArgv = ['--no-deprecation']
  for (let at = 0; at < 2; at++) await once(fork(WORKER, ['exit', '0'], { execArgv }), 'close')
  while (true) {
    const child = fork(WORKER, ['describe'], { execArgv })
    const forked = isForked(child)
    assert.deepEqual(((await once(child, 'message'))[0] as { execArgv: string[] }).execArgv, execArgv)
    await once(child, 'close')
    if (forked) break
  }
})

test('the owner dies: its processes and a spare end with their channels, as in plain Node', async () => {
  const owner = childProcess.fork(OWNER)
  const [told] = (await once(owner, 'message')) as [{ pids: number[]; hasSpare: boolean; reason: string | null }]
  assert.equal(told.reason, null)
  assert.ok(told.hasSpare)
  owner.kill('SIGKILL')
  await once(owner, 'close')
  assert.ok(await until(() => !told.pids.some(isAlive)))
})

test('setServer() takes a server, and its preloaded modules', async () => {
  assert.throws(() => setServer({} as never), { code: 'ERR_INVALID_ARGUMENT' })
  await using server = await ForkServer.start()
  setServer(server)
  const child = fork(WORKER, ['wait'])
  assert.ok(descendants(server.pid!).some((line) => line.startsWith(`${child.pid} `)))
  child.kill()
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM'])
})
