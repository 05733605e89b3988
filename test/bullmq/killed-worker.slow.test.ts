// Runs in: the test runner. Two workers of BullMQ in programs of their own, one of which is killed in mid-job: its
// job's process ends with it, the other worker takes over, and no job is lost. Once in one network, once as two hosts.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Job, Queue } from 'bullmq'
import { watchLeaks } from '../support/leaks.js'
import { NetworkNamespace, NO_NAMESPACES } from '../support/network-namespace.js'
import { NO_REDIS, Redis } from '../support/redis.js'
import { SLOWNESS } from '../support/slowness.js'

const PROGRAM = fileURLToPath(new URL('../fixtures/bullmq/worker.js', import.meta.url))
const LIMIT_MS = 60_000 * SLOWNESS
const STEP_MS = 20
const JOBS = 6
/** Longer than a look at the queue takes, so that a job which has just begun is killed before its end. */
const JOB_MS = 3_000

watchLeaks()

/** Where a worker runs: a command in front of its own, and how it reaches Redis. */
interface Host {
  command: readonly string[]
  connection: object
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(STEP_MS)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`${what}: not within ${LIMIT_MS} ms.`)
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function startWorker(queue: string, name: string, { command, connection }: Host): ChildProcess {
  const [file, ...args] = [...command, process.execPath, PROGRAM, queue, name, JSON.stringify(connection)]
  return spawn(file!, args, { stdio: ['pipe', 'inherit', 'inherit'] })
}

/** A job that this worker runs now, and the process of the job. */
async function running(queue: Queue, worker: string): Promise<{ job: Job; pid: number } | undefined> {
  for (const job of await queue.getActive()) {
    const { logs } = await queue.getJobLogs(job.id!)
    const hasJustBegun = Date.now() - (job.processedOn ?? 0) < JOB_MS / 3
    if (hasJustBegun && job.processedBy === worker && logs.length === 1) return { job, pid: Number(logs[0]) }
  }
  return undefined
}

async function loseNoJob(redis: Redis, first: Host, second: Host): Promise<void> {
  const queue = new Queue(`test-${randomUUID()}`, { connection: redis.connection })
  const doomed = startWorker(queue.name, 'first', first)
  const other = startWorker(queue.name, 'second', second)
  try {
    const data = { ms: JOB_MS }
    await queue.addBulk(Array.from({ length: JOBS }, () => ({ name: 'sleeps', data })))
    await until('a job of the second worker', () => running(queue, 'second'))
    const { job, pid } = await until('a job of the first worker', () => running(queue, 'first'))
    assert.ok(isAlive(pid))
    doomed.kill('SIGKILL')
    await until('the end of its process', async () => (isAlive(pid) ? undefined : true))
    await until('the end of all jobs', async () => ((await queue.getCompletedCount()) === JOBS ? true : undefined))
    assert.equal(await queue.getFailedCount(), 0)
    const again = (await queue.getJob(job.id!))!
    assert.equal(again.processedBy, 'second')
    assert.notEqual(again.returnvalue, pid)
    assert.equal((await queue.getJobLogs(job.id!)).count, 2)
  } finally {
    doomed.kill('SIGKILL')
    const ended = once(other, 'exit')
    other.stdin!.end()
    await ended
    await queue.close()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('a killed worker loses no job', { skip: NO_REDIS, timeout: 2 * LIMIT_MS }, async () => {
  await using redis = await Redis.start()
  const host: Host = { command: [], connection: redis.connection }
  await loseNoJob(redis, host, host)
})

test('a worker that has lost its Redis can end, and ends its jobs', {
  skip: NO_REDIS,
  timeout: 2 * LIMIT_MS,
}, async () => {
  await using redis = await Redis.start()
  const queue = new Queue(`test-${randomUUID()}`, { connection: redis.connection })
  const worker = startWorker(queue.name, 'only', { command: [], connection: redis.connection })
  const ended = once(worker, 'exit')
  await queue.add('sleeps', { ms: LIMIT_MS })
  const { pid } = await until('its job', () => running(queue, 'only'))
  await queue.close()
  await redis.lose()
  assert.ok(isAlive(pid))
  worker.kill('SIGHUP')
  assert.deepEqual(await ended, [0, null])
  assert.ok(!isAlive(pid))
})

test('a killed worker on another host loses no job', {
  skip: NO_REDIS || NO_NAMESPACES,
  timeout: 2 * LIMIT_MS,
}, async () => {
  using one = new NetworkNamespace(0)
  using two = new NetworkNamespace(1)
  const port = await freePort()
  await using redis = await Redis.start({ addresses: [one.hostAddress, two.hostAddress], port })
  const hostOf = ({ command, hostAddress }: NetworkNamespace): Host => ({
    command,
    connection: { host: hostAddress, port, maxRetriesPerRequest: null },
  })
  await loseNoJob(redis, hostOf(one), hostOf(two))
})
