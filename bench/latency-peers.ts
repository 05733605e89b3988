// Runs in: owner. What starts one process or thread that does nothing, and tells when its first line ran, when its
// owner had the result, and when it had ended.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { ForkServer, Process, type StartOptions } from 'forkserver'
import { jobs, type Python, SOURCES } from './peers.js'
import type { Scope } from './scope.js'

/** The milliseconds from the call to three moments. */
export interface Start {
  firstLineMs: number
  resultMs: number
  endMs: number
}

export type Role = 'ours' | 'spare' | 'child_process' | 'worker' | 'cpython' | 'floor'

/** Starts one, waits for its end, and tells when what happened. */
export interface Starter {
  readonly role: Role
  readonly name: string
  start(): Promise<Start>
}

const NOW = path.join(SOURCES, 'now.cjs')
const ASK_MS = 30_000
const SPARES = 2

/** The clock is CLOCK_MONOTONIC, the same for all processes of the machine. */
function spent(began: bigint, first: bigint, result: bigint, end: bigint): Start {
  if (first < began || result < first || end < result)
    throw new Error('The clocks of owner and child differ: the latency cannot be measured.')
  const ms = (moment: bigint): number => Number(moment - began) / 1e6
  return { firstLineMs: ms(first), resultMs: ms(result), endMs: ms(end) }
}

const now = process.hrtime.bigint

function ofServer(role: Role, name: string, server: ForkServer): Starter {
  const start = async (): Promise<Start> => {
    const began = now()
    const child = new Process(jobs.now, [], { server })
    await child.start()
    const first = await child.result
    const result = now()
    await child.join()
    return spent(began, first, result, now())
  }
  return { role, name, start }
}

async function startServer(scope: Scope, options: StartOptions): Promise<ForkServer> {
  const server = scope.use(await ForkServer.start({ preload: [jobs.module], ...options }))
  if (!server.report) throw new Error(`There is nothing to measure without a template: ${server.spawnReason}.`)
  return server
}

/** A Process without a spare, and from a spare; and how large a template is. */
export async function ownStarters(scope: Scope): Promise<{ starters: Starter[]; templateBytes: number }> {
  const bare = await startServer(scope, { spares: 0 })
  const ahead = await startServer(scope, { spares: SPARES })
  const starters = [
    ofServer('ours', 'forkserver, no spare', bare),
    ofServer('spare', 'forkserver, from a spare', ahead),
  ]
  return { starters, templateBytes: bare.report!.rssBytes }
}

async function startFork(): Promise<Start> {
  const began = now()
  const child = fork(NOW)
  const ended = once(child, 'exit')
  const [first] = (await once(child, 'message')) as [string]
  const result = now()
  const [exitCode] = await ended
  const end = now()
  if (exitCode !== 0) throw new Error(`A process of child_process.fork() ended with ${exitCode}.`)
  return spent(began, BigInt(first), result, end)
}

async function startThread(): Promise<Start> {
  const began = now()
  const worker = new Worker(NOW)
  const ended = once(worker, 'exit')
  const [first] = (await once(worker, 'message')) as [string]
  const result = now()
  await ended
  return spent(began, BigInt(first), result, now())
}

/** What these start ends by itself at once: nothing has to stop it. */
export const nodeStarters: readonly Starter[] = [
  { role: 'child_process', name: 'child_process.fork', start: startFork },
  { role: 'worker', name: 'worker_threads Worker', start: startThread },
]

/** A program that starts processes by itself, on its own clock: "start 1" is answered by three durations in ns. */
interface Program {
  ask(question: string, limitMs: number): Promise<string>
}

export function programStarter(role: Role, name: string, program: Program): Starter {
  const start = async (): Promise<Start> => {
    const answer = await program.ask('start 1', ASK_MS)
    const [first, result, end] = answer.split(' ').map((ns) => Number(ns) / 1e6)
    return { firstLineMs: first!, resultMs: result!, endMs: end! }
  }
  return { role, name, start }
}

export const pythonStarter = ({ peer, version, authenticates }: Python): Starter =>
  programStarter('cpython', `CPython ${version} forkserver${authenticates ? '' : ' (not authenticated)'}`, peer)
