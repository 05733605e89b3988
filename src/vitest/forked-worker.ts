// Runs in: owner. One forked process that runs test files, with the face that vitest gives its own processes. It has
// Node's IPC channel, as vitest's own have: tests and vitest look at process.send.
import { EventEmitter } from 'node:events'
import type { Readable } from 'node:stream'
import { remote } from '../owner/naming/remote.js'
import { Process } from '../owner/process/process.js'
import type { ForkServer } from '../owner/server/fork-server.js'
import { ownFile } from '../platform/own-files.js'
import { clearTimeout, setTimeout } from '../platform/timers.js'
import type { Message, Output, VitestWorker, WorkerOptions } from './vitest-types.js'

/** The module of the job of such a process. */
export const JOBS = ownFile('vitest/child/run-tests.js')

const { runTests } = remote<typeof import('./child/run-tests.js')>(JOBS)

/** How long a process may take to leave after SIGTERM, in milliseconds. vitest gives its own processes as much. */
const SIGTERM_MS = 500

const STDIO = ['pipe', 'pipe', 'pipe', 'ipc'] as const

/** One forked process. */
export class ForkedWorker implements VitestWorker {
  readonly name: string
  readonly cacheFs = true
  readonly #process: Process<typeof runTests, typeof STDIO>
  readonly #events = new EventEmitter()
  readonly #outputs: readonly [Output, Output]
  /** Its stdout and stderr, from its start to stop(). None if it could not be started. */
  #streams: readonly Readable[] = []

  /**
   * @param name of the pool
   * @param options from vitest
   * @param server the server of its template
   */
  constructor(name: string, { distPath, env, project }: WorkerOptions, server: ForkServer) {
    this.name = name
    this.#process = new Process(runTests, [distPath], { server, env, stdio: STDIO, serialization: 'advanced' })
    this.#outputs = [project.vitest.logger.outputStream, project.vitest.logger.errorStream]
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  on(event: string, callback: (...args: any[]) => void): void {
    this.#events.on(event, callback)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  off(event: string, callback: (...args: any[]) => void): void {
    this.#events.off(event, callback)
  }

  send(message: Message): void {
    // Without a channel the process has ended, or is about to: its exit says so.
    if (this.#process.connected) this.#process.send(message, () => {})
  }

  deserialize(data: unknown): unknown {
    return data
  }

  async start(): Promise<void> {
    await this.#process.start()
    this.#process.on('message', (message) => this.#events.emit('message', message))
    this.#process.on('error', () => {}) // a message that could not be sent: its exit says why
    this.#streams = [this.#process.stdout!, this.#process.stderr!]
    for (const [index, stream] of this.#streams.entries()) {
      const output = this.#outputs[index]!
      output.setMaxListeners(output.getMaxListeners() + 1)
      stream.pipe(output, { end: false }) // all processes share it
    }
    // vitest removes its listeners when it stops the process. Without one, emit() would throw.
    const fail = (error: unknown): void => {
      if (this.#events.listenerCount('error') > 0) this.#events.emit('error', error)
    }
    this.#process.result.catch((error: unknown) => {
      if (this.#process.alive) fail(error)
    })
    this.#process.join().then(({ exitCode, signal }) => this.#events.emit('exit', exitCode, signal), fail)
  }

  async stop(): Promise<void> {
    this.#process.terminate()
    const timer = setTimeout(() => this.#process.kill(), SIGTERM_MS)
    await this.#process.join().catch(() => {}) // start() reports it
    clearTimeout(timer)
    const streams = this.#streams
    this.#streams = []
    await Promise.all(streams.map(ended))
    for (const index of streams.keys()) {
      const output = this.#outputs[index]!
      output.setMaxListeners(output.getMaxListeners() - 1)
    }
  }
}

/** Resolves when everything that a process has written was read. */
function ended(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
}
