// Runs in: owner. `npm run bench -- bullmq`: how many light jobs of BullMQ a second run in a fresh process each, in
// BullMQ's own sandbox and by forkserver/bullmq.
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { Queue, Worker } from 'bullmq'
import { forkserverProcessor } from 'forkserver/bullmq'
import { NO_REDIS, Redis } from '../test/support/redis.js'
import { SOURCES } from './peers.js'
import { drive } from './pool-peers.js'
import { AT_A_TIME, type Contender, type Rates, race, ratio } from './race.js'
import { atLeast, type Benchmark, type Finding, withSpread } from './report.js'
import { Scope, within } from './scope.js'
import type { Settings } from './settings.js'
import type { Spread } from './statistics.js'

const FILE = path.join(SOURCES, 'bullmq-processor.cjs')
/** So many jobs are in the queue that a worker never waits for one. */
const QUEUED = 4 * AT_A_TIME
const JOB_LIMIT_MS = 30_000

type Role = 'ours' | 'bullmq' | 'reused'

interface Racer extends Rates {
  role: Role
  forkserverIsFasterBy: Spread
}

/** What a worker of BullMQ does with the process of a job that is done. */
interface ChildPool {
  release(child: unknown): void
  kill(child: unknown, signal: 'SIGKILL'): Promise<void>
}

/** BullMQ reuses its processes. So it has a fresh one for each job only if it kills each that has run one. */
function neverReuse(worker: Worker): void {
  const { childPool } = worker as unknown as { childPool: ChildPool }
  childPool.release = (child) => void childPool.kill(child, 'SIGKILL')
}

/** A queue and a worker for it. */
function contenderOf(
  scope: Scope,
  redis: Redis,
  name: string,
  processor: ConstructorParameters<typeof Worker>[1],
): { contender: Contender; worker: Worker } {
  const queueName = `bench-${randomUUID()}`
  const { connection } = redis
  const queue = new Queue(queueName, { connection })
  const worker = new Worker(queueName, processor, { connection, concurrency: AT_A_TIME })
  scope.defer(() => queue.close())
  scope.defer(() => worker.close())
  const waiting = new Map<string, (failure: Error | undefined) => void>()
  worker.on('completed', (job, value) => {
    const failure =
      value === (job.data as { value: number }).value + 1 ? undefined : new Error(`${name}: a job returned ${value}.`)
    waiting.get(job.id!)?.(failure)
  })
  worker.on('failed', (job, error) => waiting.get(job!.id!)?.(error))
  let count = 0
  const call = async (): Promise<void> => {
    const jobId = `job-${count++}`
    const ended = new Promise<void>((resolve, reject) => {
      waiting.set(jobId, (failure) => (failure ? reject(failure) : resolve()))
    })
    await queue.add('light', { value: count }, { jobId, removeOnComplete: true })
    await within(JOB_LIMIT_MS, `A job of ${name}`, ended)
    waiting.delete(jobId)
  }
  return { worker, contender: { name, race: (ms) => drive({ call }, 'identity', 0, { ms, atATime: QUEUED }) } }
}

async function lineUp(scope: Scope, redis: Redis): Promise<{ role: Role; contender: Contender }[]> {
  const processor = scope.use(forkserverProcessor(FILE))
  const server = await processor.ready()
  if (!server.report) throw new Error(`There is nothing to measure without a template: ${server.spawnReason}.`)
  const ours = contenderOf(scope, redis, 'forkserver/bullmq', processor)
  const fresh = contenderOf(scope, redis, "BullMQ's sandbox, a fresh process for each job", FILE)
  neverReuse(fresh.worker)
  const reused = contenderOf(scope, redis, "BullMQ's sandbox, processes reused", FILE)
  return [
    { role: 'ours', contender: ours.contender },
    { role: 'bullmq', contender: fresh.contender },
    { role: 'reused', contender: reused.contender },
  ]
}

async function run(settings: Settings, progress: (text: string) => void): Promise<Finding> {
  const nothing = { results: { racers: [] }, tables: [], bars: [], notes: [] }
  if (NO_REDIS) return { ...nothing, skipped: [{ what: 'the benchmark', why: NO_REDIS }] }
  await using scope = new Scope()
  const redis = scope.use(await Redis.start())
  const entries = await lineUp(scope, redis)
  const rates = await race(
    entries.map(({ contender }) => contender),
    { ...settings, progress },
  )
  const racers = rates.map((rate, index): Racer => {
    return { ...rate, role: entries[index]!.role, forkserverIsFasterBy: ratio(rates[0]!, rate) }
  })
  const { name, forkserverIsFasterBy } = racers[1]!
  return {
    results: { racers },
    tables: [
      {
        title: `Light jobs per second, ${AT_A_TIME} at a time: median (lowest - highest) of the rounds`,
        head: ['', 'n', 'per second', 'forkserver is faster by'],
        rows: racers.map((racer) => [
          racer.name,
          String(racer.processes),
          withSpread(racer.perSecond),
          racer.role === 'ours' ? '' : withSpread(racer.forkserverIsFasterBy),
        ]),
      },
    ],
    bars: [atLeast(`against ${name}`, forkserverIsFasterBy.median, { unit: 'x', limit: 10, aim: 12 })],
    skipped: [],
    notes: [
      'Each job goes through Redis, on a unix socket of this machine. The queue always holds jobs.',
      'BullMQ itself reuses the processes of its sandbox: a job then finds what the one before has left.',
    ],
  }
}

export const bullmq: Benchmark = {
  name: 'bullmq',
  question: 'How many jobs of BullMQ run in a fresh process each?',
  run,
}
