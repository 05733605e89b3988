// Runs in: owner. The pools of Node that ours is compared with, each with two workers and in its best case.
import os from 'node:os'
import path from 'node:path'
import { Worker as JestWorker } from 'jest-worker'
import { Piscina } from 'piscina'
import { Tinypool } from 'tinypool'
import workerpool from 'workerpool'
import { SOURCES } from './peers.js'
import type { Slice } from './race.js'
import { type Scope, within } from './scope.js'

/** The number of workers in each pool. */
export const PROCESSES = 2
/** The number of calls that a pool has at a time, so that it never waits for its caller. */
const CALLS_AT_A_TIME = 64
const END_MS = 10_000

const JOBS = path.join(SOURCES, 'pool-jobs.cjs')

export type JobName = 'identity' | 'sizeOf'

/** A pool of Node. */
export interface NodePool {
  readonly name: string
  /** Whether its workers are processes. */
  readonly isProcesses: boolean
  call(job: JobName, argument: unknown): Promise<unknown>
}

/** Makes calls for `ms` milliseconds, several at a time. */
export async function drive(
  { call }: Pick<NodePool, 'call'>,
  job: JobName,
  argument: unknown,
  { ms, atATime = CALLS_AT_A_TIME }: { ms: number; atATime?: number },
): Promise<Slice> {
  const start = performance.now()
  let processes = 0
  const lane = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      await call(job, argument)
      processes++
    }
  }
  await Promise.all(Array.from({ length: atATime }, lane))
  return { processes, ms: performance.now() - start }
}

function tinypool(scope: Scope, runtime: 'child_process' | 'worker_threads', isolateWorkers = false): NodePool {
  const pool = new Tinypool({
    filename: JOBS,
    runtime,
    isolateWorkers,
    minThreads: PROCESSES,
    maxThreads: PROCESSES,
    serialization: 'advanced', // the default is JSON, which takes 16 seconds for 16 MiB
  })
  scope.defer(() => within(END_MS, 'The end of tinypool', pool.destroy()))
  const isProcesses = runtime === 'child_process'
  const name = `tinypool (${isProcesses ? 'processes' : 'threads'}${isolateWorkers ? ', isolateWorkers' : ''})`
  return { name, isProcesses, call: (job, argument) => pool.run(argument, { name: job }) }
}

function piscina(scope: Scope): NodePool {
  const pool = new Piscina({ filename: JOBS, minThreads: PROCESSES, maxThreads: PROCESSES })
  scope.defer(() => within(END_MS, 'The end of piscina', pool.destroy()))
  return { name: 'piscina (threads)', isProcesses: false, call: (job, argument) => pool.run(argument, { name: job }) }
}

function workerPool(scope: Scope): NodePool {
  const env = { ...process.env, FORKSERVER_BENCH_WORKERPOOL: '1' }
  const pool = workerpool.pool(JOBS, {
    workerType: 'process',
    minWorkers: PROCESSES,
    maxWorkers: PROCESSES,
    forkOpts: { env, serialization: 'advanced' },
  })
  scope.defer(() => within(END_MS, 'The end of workerpool', Promise.resolve(pool.terminate(true))))
  return {
    name: 'workerpool (processes)',
    isProcesses: true,
    call: (job, argument) => Promise.resolve(pool.exec(job, [argument])),
  }
}

function jestWorker(scope: Scope): NodePool {
  const exposedMethods = ['identity', 'sizeOf'] as const
  const pool = new JestWorker(JOBS, {
    exposedMethods,
    numWorkers: Math.min(PROCESSES, os.availableParallelism()),
    forkOptions: { serialization: 'advanced' },
  }) as JestWorker & Record<JobName, (argument: unknown) => Promise<unknown>>
  scope.defer(() => within(END_MS, 'The end of jest-worker', pool.end()))
  return { name: 'jest-worker (processes)', isProcesses: true, call: (job, argument) => pool[job](argument) }
}

/** Starts all of them. */
export function nodePools(scope: Scope): NodePool[] {
  return [
    tinypool(scope, 'child_process'),
    workerPool(scope),
    jestWorker(scope),
    tinypool(scope, 'worker_threads'),
    piscina(scope),
  ]
}

/** Starts those that have a new worker for each task. */
export function isolatingPools(scope: Scope): NodePool[] {
  return [tinypool(scope, 'child_process', true), tinypool(scope, 'worker_threads', true)]
}
