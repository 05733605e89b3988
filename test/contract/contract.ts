// Runs in: the test runner. What the contract tests share: one suite for each way to a server, and processes followed
// to their end.
import assert from 'node:assert/strict'
import { after, before, describe } from 'node:test'
import {
  type ArgumentsOf,
  type Exit,
  type ForkServer,
  Process,
  type ProcessOptions,
  type Reference,
  type ResultOf,
  remote,
  type StartOptions,
} from 'forkserver'
import { openDescriptors, watchLeaks } from '../support/leaks.js'
import { type Way, waysFor } from '../support/servers.js'
import { SLOWNESS } from '../support/slowness.js'

const fixture = (name: string): URL => new URL(`../fixtures/contract/${name}`, import.meta.url)

export const jobs = remote<typeof import('../fixtures/contract/jobs.js')>(fixture('jobs.js'))
export const throws = remote<typeof import('../fixtures/contract/throws.js')>(fixture('throws.js'))
export const exits = remote<typeof import('../fixtures/contract/exits.js')>(fixture('exits.js'))
export const handlers = remote<typeof import('../fixtures/contract/handlers.js')>(fixture('handlers.js'))

/** Generous, as it is the limit of whole suites: it only catches hangs, as the test runner's own limit would. */
export const HANG_MS = 480_000 * SLOWNESS

/** What the suite of one way is given. `server` is open while its tests run. */
export interface Site {
  readonly way: Way
  readonly server: ForkServer
}

type Suite = (site: Site) => void

/**
 * Declares the suite once for each start method (servers.ts says when for connected servers), and watches for leaks.
 */
export function contract(title: string, suite: Suite, options?: StartOptions): void {
  declare(waysFor({ onTransports: false }), title, suite, options)
}

/** As contract(), for a suite to which the transport can matter: once for each way to a server. */
export function contractOnTransports(title: string, suite: Suite, options?: StartOptions): void {
  declare(waysFor({ onTransports: true }), title, suite, options)
}

/** Each suite has one server for all its tests. */
function declare(ways: readonly Way[], title: string, suite: Suite, options?: StartOptions): void {
  watchLeaks()
  for (const way of ways) {
    describe(`${title}: ${way.name}`, { timeout: HANG_MS }, () => {
      let opened: Awaited<ReturnType<Way['open']>> | undefined
      before(async () => {
        opened = await way.open(options)
      })
      after(() => opened?.close())
      suite({
        way,
        get server() {
          return opened?.server ?? assert.fail('the server did not start')
        },
      })
    })
  }
}

/** How many descriptors are open here, without those of the server's spares: they come and go with the load. */
export function openBesidesSpares(server: ForkServer): number {
  return openDescriptors().length - (server.spares?.parked ?? 0)
}

/** What a promise rejects with, whatever that is: assert.rejects() cannot take undefined. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  return assert.fail(`it did not reject but resolved to ${String(value)}`)
}

/** What a promise rejects with, which must be an instance of this class. */
export async function errorOf<E extends Error>(
  promise: Promise<unknown>,
  Class: abstract new (...args: never[]) => E,
): Promise<E> {
  const error = await rejectionOf(promise)
  if (!(error instanceof Class)) assert.fail(`not a ${Class.name} but ${error instanceof Error ? error.stack : error}`)
  return error
}

/** Runs a job without streams and returns its result; the process must end with the exit code 0. */
export async function run<R extends Reference>(
  reference: R,
  args: ArgumentsOf<R>,
  options: ProcessOptions,
): Promise<ResultOf<R>> {
  const process = await new Process(reference, args, { stdio: 'ignore', ...options }).start()
  const result = await process.result
  const { exitCode, signal } = await process.join()
  assert.deepEqual({ exitCode, signal }, { exitCode: 0, signal: null })
  return result
}

/** Everything that is read from a stream until it ends. */
export async function read(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = ''
  for await (const chunk of stream ?? assert.fail('there is no pipe')) all += String(chunk)
  return all
}

/** A process that ended: how, what it wrote, and what became of its job. */
export interface Ended {
  pid: number
  answer: { value: unknown } | { error: unknown }
  exit: Pick<Exit, 'exitCode' | 'signal'>
  stdout: string
  stderr: string
}

/** Runs a job with stdout and stderr piped, and waits for all of it. */
export async function follow<R extends Reference>(
  reference: R,
  args: ArgumentsOf<R>,
  options: ProcessOptions,
): Promise<Ended> {
  const process = await new Process(reference, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options }).start()
  const answer = process.result.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  )
  const [stdout, stderr] = await Promise.all([read(process.stdout), read(process.stderr)])
  const { exitCode, signal } = await process.join()
  return { pid: process.pid!, answer: await answer, exit: { exitCode, signal }, stdout, stderr }
}

/** The error that a process which ended has as its answer. */
export function failureOf({ answer }: Ended): unknown {
  if (!('error' in answer)) assert.fail('the job has a result')
  return answer.error
}
