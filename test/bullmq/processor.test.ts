// Runs in: the test runner. forkserver/bullmq with the real BullMQ and a real Redis, on both start methods: what
// becomes of a job is the same as in BullMQ's own sandbox.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FlowProducer, type Job } from 'bullmq'
import { ForkServer, type StartMethod } from 'forkserver'
import { type ForkserverProcessor, forkserverProcessor, type ProcessorOptions } from 'forkserver/bullmq'
import { isAlive, openDescriptors, until, watchLeaks } from '../support/leaks.js'
import { NO_REDIS, Redis } from '../support/redis.js'
import { SLOWNESS } from '../support/slowness.js'
import { Board, type Outcome } from './board.js'

const fixture = (name: string): URL => new URL(`../fixtures/bullmq/${name}.js`, import.meta.url)
const PROCESSOR = fixture('processor')
const HANG_MS = 120_000 * SLOWNESS
/** In this time the descriptors of a process that has ended are closed. */
const CALM_MS = 500 * SLOWNESS

/** They take long, and the start method is nothing to them. */
const FORKED_ONLY = { forkserver: {}, spawn: { skip: 'it is the same for a forked process' } }

/** Jobs of which the outcome must be the same. */
const SAME = ['echo', 'value', 'nothing', 'throws', 'throwsText', 'unrecoverable', 'talks', 'delays']

async function outcomes(board: Board): Promise<Record<string, Outcome>> {
  const found: Record<string, Outcome> = {}
  for (const name of SAME) found[name] = await board.run(name, { key: name }, { attempts: 2 })
  return found
}

const sockets = (): string[] => openDescriptors().filter((entry) => entry.includes('socket:'))

/** The process of a job that logs its pid first. */
async function pidOf(board: Board, job: Job): Promise<number> {
  for (const end = Date.now() + HANG_MS; Date.now() < end; await sleep(10)) {
    const { logs } = await board.queue.getJobLogs(job.id!)
    if (logs.length > 0) return Number(logs[0])
  }
  throw new Error('The job has logged nothing.')
}

watchLeaks()

describe('forkserver/bullmq', { skip: NO_REDIS, timeout: 4 * HANG_MS }, () => {
  let redis: Redis
  before(async () => {
    redis = await Redis.start()
  })
  after(() => redis?.[Symbol.asyncDispose]())

  for (const startMethod of ['forkserver', 'spawn'] satisfies StartMethod[])
    describe(startMethod, () => {
      const processorOf = (options: ProcessorOptions = {}, file = PROCESSOR): ForkserverProcessor =>
        forkserverProcessor(file, { ...options, server: { startMethod } })
      let processor: ForkserverProcessor
      let board: Board
      before(() => {
        processor = processorOf()
        board = new Board(redis, processor)
      })
      after(async () => {
        await board[Symbol.asyncDispose]()
        await processor.close()
      })

      test('each job has a process of its own', async () => {
        const found = [await board.run('identify'), await board.run('identify')].map(({ value }) => value)
        const [one, other] = found as { pid: number; count: number }[]
        assert.notEqual(one!.pid, other!.pid)
        assert.notEqual(one!.pid, process.pid)
        assert.deepEqual([one!.count, other!.count], [1, 1])
      })

      test("a job's outcome is that of BullMQ's own sandbox", async () => {
        // Node 24's test runner gives this process flags that BullMQ cannot hand on.
        const workerForkOptions = { execArgv: [] }
        await using own = new Board(redis, fileURLToPath(PROCESSOR), { workerForkOptions })
        const [ours, theirs] = await Promise.all([outcomes(board), outcomes(own)])
        for (const name of SAME) {
          // The name of the queue is each board's own.
          const normal = (one: Outcome): unknown =>
            JSON.parse(JSON.stringify(one).replace(/test-[-\da-f]{36}/g, 'queue'))
          assert.deepEqual(normal(ours[name]!), normal(theirs[name]!), name)
        }
        assert.deepEqual(ours.talks!.logs, ['a first line', 'a second line', 'nobody waits for this line'])
        assert.equal(ours.unrecoverable!.attemptsMade, 1)
        assert.equal(ours.throws!.attemptsMade, 2)
      })

      test("an error has the stack of the job's process", async () => {
        const job = await board.add('throws')
        await board.outcomeOf(job)
        const { stacktrace } = (await board.queue.getJob(job.id!)) as Job
        assert.match(stacktrace![0]!, /this job throws[\s\S]*fixtures\/bullmq\/processor\.js/)
      })

      test('an error that nobody catches fails the job', async () => {
        assert.equal((await board.run('uncaught')).failedReason, 'thrown in a callback')
        assert.equal((await board.run('unhandled')).failedReason, 'nobody waits for this promise')
        assert.equal((await board.run('asksOn')).failedReason, 'thrown while it asks')
        assert.equal((await board.run('throwsTwice')).failedReason, 'the first')
      })

      test('what JSON cannot hold fails the job, or the call', async () => {
        assert.match((await board.run('cyclic')).failedReason!, /circular/)
        assert.match(String((await board.run('refusesBigInt')).value), /BigInt/)
      })

      test('a job asks for its children, its state, and what is refused', async () => {
        const flows = new FlowProducer({ connection: redis.connection })
        const { name: queueName } = board.queue
        const { job } = await flows.add({ name: 'parent', queueName, children: [{ name: 'state', queueName }] })
        assert.deepEqual((await board.outcomeOf(job)).value, { values: ['active'], count: { processed: 1 } })
        await flows.close()
        assert.match(String((await board.run('refused')).value), /lock|token/i)
      })

      test('a process that ends in mid-job fails it, and says how it ended', async () => {
        for (const by of ['SIGKILL', 'SIGSEGV'] as const)
          assert.match((await board.run('killed', { by })).failedReason!, new RegExp(by))
        assert.match((await board.run('exits')).failedReason!, /code 7/)
        assert.equal((await board.run('state')).value, 'active')
      })

      test('a job that leaves a timer ends', async () => {
        assert.equal((await board.run('leaves')).value, 'with a timer')
      })

      test('a process that does not end after its job is killed', FORKED_ONLY[startMethod], async () => {
        const { value } = await board.run('staysAwake')
        assert.ok(await until(() => !isAlive(Number(value)), HANG_MS))
      })

      test('a process that writes nonsense to its line harms only itself', async () => {
        const closed = 'The worker of this job has closed its connection.'
        assert.deepEqual((await board.run('scribbles')).value, [closed, closed])
        assert.equal((await board.run('state')).value, 'active')
      })

      test(
        'a process that the job leaves behind keeps no descriptor of the worker open',
        FORKED_ONLY[startMethod],
        async () => {
          await using server = await ForkServer.start({ startMethod, spares: 0 })
          await using one = forkserverProcessor(PROCESSOR, { server })
          await using other = new Board(redis, one)
          await other.run('state')
          await sleep(CALM_MS)
          const before = new Set(sockets()) // some of them are of spares, which come and go
          const isHeld = (): boolean => sockets().some((one) => !before.has(one))
          const { value } = await other.run('leavesChild')
          assert.ok(await until(isHeld), 'it holds the line')
          assert.ok(await until(() => !isHeld(), HANG_MS))
          process.kill(Number(value), 'SIGKILL')
        },
      )

      test('a worker that is closed waits for its jobs; one that is not waited for leaves no process', async () => {
        const one = processorOf()
        const waiting = new Board(redis, one)
        // The worker may take the job before Redis has told that it was added: about once in a hundred.
        const active = once(waiting.worker, 'active')
        const ends = await waiting.add('sleeps', { ms: 300 })
        await active
        await waiting.worker.close()
        assert.equal(await (await waiting.queue.getJob(ends.id!))!.getState(), 'completed')
        await waiting[Symbol.asyncDispose]()
        await one.close()

        await using server = await ForkServer.start({ startMethod, spares: 0 })
        const other = forkserverProcessor(PROCESSOR, { server })
        const leaving = new Board(redis, other)
        const job = await leaving.add('sleeps', { ms: HANG_MS })
        const pid = await pidOf(leaving, job)
        await leaving.worker.close(true)
        await other.close()
        assert.ok(!isAlive(pid))
        await leaving[Symbol.asyncDispose]()
      })

      test('a Redis that pauses delays a job', async () => {
        await using own = await Redis.start()
        const processorOfOwn = processorOf()
        const other = new Board(own, processorOfOwn)
        const talks = await other.add('sleeps', { ms: 200 })
        await pidOf(other, talks)
        own.signal('SIGSTOP')
        await sleep(600)
        own.signal('SIGCONT')
        assert.equal(typeof (await other.outcomeOf(talks)).value, 'number')
        await other[Symbol.asyncDispose]()
        await processorOfOwn.close()
      })

      test('a job hears that it was cancelled', async () => {
        const job = await board.add('waits')
        assert.ok(await until(() => board.worker.cancelJob(job.id!, 'no longer wanted')))
        assert.equal((await board.outcomeOf(job)).failedReason, 'heard: no longer wanted')
      })

      test('a job that does not listen is killed after cancelTimeout, one that hangs after timeout', async () => {
        await using strict = processorOf({ cancelTimeout: 50, timeout: 2_000 * SLOWNESS })
        await using other = new Board(redis, strict)
        const job = await other.add('hangs')
        assert.ok(await until(() => other.worker.cancelJob(job.id!)))
        assert.match((await other.outcomeOf(job)).failedReason!, /was cancelled .* was killed/)
        assert.match((await other.run('hangs')).failedReason!, /timeout|within|longer/i)
      })

      test('a file that cannot be used fails the job, with the reason', async () => {
        for (const [name, reason] of [
          ['broken', /this file cannot be loaded/],
          ['no-processor', /no default export/],
        ] as const) {
          await using bad = processorOf({}, fixture(name))
          await using other = new Board(redis, bad)
          assert.match((await other.run('echo')).failedReason!, reason)
        }
      })

      test('a closed processor refuses jobs', async () => {
        const other = processorOf()
        await other.ready()
        await other.close()
        await assert.rejects(other.ready(), { code: 'ERR_INVALID_STATE' })
      })
    })
})
