// Runs in: owner. Children that live and do nothing, by the thousand.
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, Process } from 'forkserver'
import { jobs } from './peers.js'
import { type Scope, within } from './scope.js'

/** A child says within this time that it runs, in milliseconds. */
const READY_MS = 60_000
/** Once killed it is gone within this time. */
const END_MS = 30_000
/** After it said so, it goes to sleep within this time. */
const SETTLE_MS = 200
const STARTED_AT_A_TIME = 8

/** A template for the benchmarks' jobs. */
export async function startServer(
  scope: Scope,
  transport: 'private' | 'path' = 'private',
): Promise<ForkServer & { readonly pid: number }> {
  const server = scope.use(await ForkServer.start({ preload: [jobs.module], transport }))
  if (server.startMethod !== 'forkserver' || server.pid === undefined) {
    throw new Error(`There is nothing to measure without a template: ${server.spawnReason}.`)
  }
  return server as ForkServer & { readonly pid: number }
}

/** Waits until whoever writes to this stream has said that it runs; nothing else will come. */
export async function heard(stdout: Readable): Promise<void> {
  await within(READY_MS, 'An idle child', once(stdout, 'data'))
  stdout.destroy()
}

/** A growing crowd of idle children. */
export class Crowd implements AsyncDisposable {
  readonly #server: ForkServer
  readonly #children: Process[] = []

  constructor(server: ForkServer) {
    this.#server = server
  }

  get pids(): number[] {
    return this.#children.map((child) => child.pid!)
  }

  async #startOne(): Promise<void> {
    const child = new Process(jobs.idle, [], { server: this.#server, stdio: ['ignore', 'pipe', 'inherit'] })
    await within(READY_MS, 'The start of an idle child', child.start())
    this.#children.push(child)
    await heard(child.stdout!)
  }

  /** Starts children until this many live, and waits until they idle. */
  async growTo(count: number): Promise<void> {
    while (this.#children.length < count) {
      const missing = Math.min(STARTED_AT_A_TIME, count - this.#children.length)
      // All are waited for, whatever happens to one: nothing is started behind the back of whoever ends the crowd.
      const started = await Promise.allSettled(Array.from({ length: missing }, () => this.#startOne()))
      for (const one of started) if (one.status === 'rejected') throw one.reason
    }
    await sleep(SETTLE_MS)
    const dead = this.#children.filter((child) => !child.alive)
    if (dead.length > 0) throw new Error(`${dead.length} of ${count} idle children have ended.`)
  }

  /** Ends a few at a time, as they were started: a thousand address spaces that go at once are no quiet machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#children.length > 0) {
      const some = this.#children.splice(0, STARTED_AT_A_TIME)
      await within(END_MS, 'The end of an idle child', Promise.all(some.map((child) => child[Symbol.asyncDispose]())))
    }
  }
}
