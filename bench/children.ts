// Runs in: owner. Starts thousands of children that do nothing.
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, Process, type StartOptions } from 'forkserver'
import { jobs } from './peers.js'
import { type Scope, within } from './scope.js'

/** Time limit in milliseconds for a child to report that it runs. */
const READY_MS = 60_000
/** Time limit in milliseconds for a killed child to be gone. */
const END_MS = 30_000
/** Time limit in milliseconds for a child to go to sleep after it has reported. */
const SETTLE_MS = 200
const STARTED_AT_A_TIME = 8

/** A template for the jobs of the benchmarks. */
export async function startServer(
  scope: Scope,
  transport: 'private' | 'path' = 'private',
  options: StartOptions = {},
): Promise<ForkServer & { readonly pid: number }> {
  const server = scope.use(await ForkServer.start({ preload: [jobs.module], transport, ...options }))
  if (server.startMethod !== 'forkserver' || server.pid === undefined) {
    throw new Error(`There is nothing to measure without a template: ${server.spawnReason}.`)
  }
  return server as ForkServer & { readonly pid: number }
}

/** Waits until the process that writes to this stream has reported that it runs. It writes nothing else. */
export async function heard(stdout: Readable): Promise<void> {
  await within(READY_MS, 'An idle child', once(stdout, 'data'))
  stdout.destroy()
}

/** A growing number of idle children. */
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

  /** Starts children until this many live, and waits until all are idle. */
  async growTo(count: number): Promise<void> {
    while (this.#children.length < count) {
      const missing = Math.min(STARTED_AT_A_TIME, count - this.#children.length)
      // Waits for all of them, even if one fails, so that nothing is started after the children have been ended.
      const started = await Promise.allSettled(Array.from({ length: missing }, () => this.#startOne()))
      for (const one of started) if (one.status === 'rejected') throw one.reason
    }
    await sleep(SETTLE_MS)
    const dead = this.#children.filter((child) => !child.alive)
    if (dead.length > 0) throw new Error(`${dead.length} of ${count} idle children have ended.`)
  }

  /**
   * Ends a few at a time, in the order in which they were started. Freeing a thousand address spaces at once would
   * disturb the machine.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#children.length > 0) {
      const some = this.#children.splice(0, STARTED_AT_A_TIME)
      await within(END_MS, 'The end of an idle child', Promise.all(some.map((child) => child[Symbol.asyncDispose]())))
    }
  }
}
