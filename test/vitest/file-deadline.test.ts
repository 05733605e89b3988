// Runs in: the test runner. fileTimeout, with a worker that is none.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DeadlineWorker } from '#src/vitest/file-deadline.js'
import type { Message, VitestWorker } from '#src/vitest/vitest-types.js'
import { SLOWNESS } from '../support/slowness.js'

const LIMIT_MS = 30
const FILE = { id: '7', filepath: '/a.test.js' }
const RUN: Message = { type: 'run', context: { files: [FILE] } }

class FakeWorker extends EventEmitter implements VitestWorker {
  readonly name = 'fake'
  readonly cacheFs = true
  readonly sent: object[] = []
  stops = 0
  send = (message: object): void => void this.sent.push(message)
  deserialize = (data: unknown): unknown => data
  start = async (): Promise<void> => {}
  stop = async (): Promise<void> => {
    this.stops++
    this.emit('exit', null, 'SIGTERM')
  }
}

async function begin(limitMs = LIMIT_MS): Promise<{ fake: FakeWorker; worker: DeadlineWorker; seen: unknown[][] }> {
  const fake = new FakeWorker()
  const worker = new DeadlineWorker(fake, limitMs)
  await worker.start()
  const seen: unknown[][] = []
  for (const event of ['message', 'error', 'exit']) worker.on(event, (...args) => seen.push([event, ...args]))
  return { fake, worker, seen }
}

const ended = (fake: FakeWorker): Promise<void> =>
  new Promise((resolve) => {
    fake.once('exit', () => setImmediate(resolve))
  })

test('a file that ends in time', async () => {
  const { fake, worker, seen } = await begin()
  worker.send(RUN)
  fake.emit('message', { type: 'testfileFinished' })
  await sleep(3 * LIMIT_MS)
  assert.deepEqual(fake.sent, [RUN])
  assert.deepEqual(seen, [['message', { type: 'testfileFinished' }]])
  assert.equal(fake.stops, 0)
  await worker.stop()
  assert.deepEqual(seen.at(-1), ['exit', null, 'SIGTERM'])
})

for (const [method, event] of [
  ['onQueued', 'suite-failed-early'],
  ['onCollected', 'suite-finished'],
] as const)
  test(`a file that does not end after ${method}: it fails, and its worker answers`, async () => {
    const { fake, worker, seen } = await begin()
    worker.send(RUN)
    fake.emit('message', { t: 'q', m: method, a: [method === 'onQueued' ? FILE : [FILE]] })
    await ended(fake)
    const [, update, finished, ...rest] = seen.map(([, message]) => message as Message)
    assert.equal(update?.m, 'onTaskUpdate')
    const [[[id, result]], events] = update.a as [[[string, { state: string; errors: Error[] }]], unknown]
    assert.equal(id, FILE.id)
    assert.equal(result.state, 'fail')
    assert.match(result.errors[0]!.message, /\/a\.test\.js ran for more than 30 ms \(fileTimeout/)
    assert.deepEqual(events, [[FILE.id, event, undefined]])
    assert.equal(finished?.type, 'testfileFinished')
    assert.deepEqual(rest, [], 'the exit of the process is no error')
    worker.send({ type: 'stop' })
    assert.equal((seen.at(-1)![1] as Message).type, 'stopped')
    await worker.stop()
    assert.equal(fake.stops, 1)
    assert.deepEqual(fake.sent, [RUN], 'nothing is sent to a dead process')
  })

test('a file of which nothing was heard: an error', async () => {
  const { fake, worker, seen } = await begin()
  worker.send(RUN)
  await ended(fake)
  const [[event, error] = [], ...rest] = seen
  assert.equal(event, 'error')
  assert.equal((error as NodeJS.ErrnoException).code, 'ERR_TIMEOUT')
  assert.deepEqual(rest, [])
})

test('a process that dies before its time', async () => {
  const { fake, worker, seen } = await begin()
  worker.send(RUN)
  fake.emit('exit', null, 'SIGSEGV')
  await sleep(3 * LIMIT_MS)
  assert.deepEqual(seen, [['exit', null, 'SIGSEGV']])
  assert.equal(fake.stops, 0)
})

const OTHER = { id: '8', filepath: '/b.test.js' }
const BOTH: Message = { type: 'run', context: { files: [FILE, OTHER] } }
const queued = (file: typeof FILE): Message => ({ t: 'q', m: 'onQueued', a: [file] })

test('several files of one process: each has the whole time', async () => {
  const limitMs = 3_000 * SLOWNESS
  const { fake, worker } = await begin(limitMs)
  worker.send(BOTH)
  await sleep(0.6 * limitMs)
  fake.emit('message', queued(FILE))
  fake.emit('message', queued(OTHER))
  await sleep(0.6 * limitMs)
  fake.emit('message', { type: 'testfileFinished' })
  assert.equal(fake.stops, 0)
})

test('several files of one process: those behind one that does not end are an error', async () => {
  const { fake, worker, seen } = await begin()
  worker.send(BOTH)
  fake.emit('message', queued(FILE))
  await ended(fake)
  const [, [, update] = [], [event, error] = [], ...rest] = seen
  const [[[id, { errors }]]] = (update as Message).a as [[[string, { errors: Error[] }]]]
  assert.equal(id, FILE.id)
  assert.match(errors[0]!.message, /^\/a\.test\.js ran for more than/)
  assert.equal(event, 'error')
  assert.match((error as Error).message, /^\/b\.test\.js did not run: .* with \/a\.test\.js \(isolate: false\)/)
  assert.deepEqual(rest, [])
})
