// Runs in: owner. One forked process that runs test files, with the face that vitest gives its own processes.
import { EventEmitter } from 'node:events'
import type { Duplex, Readable } from 'node:stream'
import { remote } from '../owner/naming/remote.js'
import { Process } from '../owner/process/process.js'
import type { ForkServer } from '../owner/server/fork-server.js'
import { ownFile } from '../platform/own-files.js'
import { readMessages, writeMessage } from './node-channel.js'
import type { Message, VitestWorker, WorkerOptions } from './vitest-types.js'

const jobs = remote<typeof import('./child/attach-channel.js')>(ownFile('vitest/child/attach-channel.js'))

/** How long a process may take to leave after SIGTERM, in milliseconds; vitest gives its own as much. */
const SIGTERM_MS = 500

const CHANNEL = 3

/** One forked process. */
export class ForkedWorker implements VitestWorker {
  readonly name: string
  readonly cacheFs = true
  readonly #options: WorkerOptions
  readonly #process: Process
  readonly #events = new EventEmitter()
  #hasEnded = false

  constructor(name: string, options: WorkerOptions, server: ForkServer) {
    this.name = name
    this.#options = options
    const { env } = options
    this.#process = new Process(jobs.run, [options.distPath], { server, env, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
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
    if (!this.#hasEnded) writeMessage(this.#channel, message)
  }

  deserialize(data: unknown): unknown {
    return data
  }

  async start(): Promise<void> {
    const { outputStream, errorStream } = this.#options.project.vitest.logger
    await this.#process.start()
    this.#pipe(this.#process.stdout as Readable, outputStream)
    this.#pipe(this.#process.stderr as Readable, errorStream)
    readMessages(this.#channel, (message) => this.#events.emit('message', message))
    this.#channel.on('error', () => {}) // the process has ended, which its exit reports
    this.#process
      .join()
      .then(({ exitCode, signal }) => {
        this.#hasEnded = true
        this.#events.emit('exit', exitCode, signal)
      })
      .catch((error: unknown) => this.#events.emit('error', error))
  }

  async stop(): Promise<void> {
    this.#process.terminate()
    const timer = setTimeout(() => this.#process.kill(), SIGTERM_MS)
    await this.#process.join()
    clearTimeout(timer)
    const { outputStream, errorStream } = this.#options.project.vitest.logger
    await Promise.all([flushed(this.#process.stdout as Readable), flushed(this.#process.stderr as Readable)])
    outputStream.setMaxListeners(outputStream.getMaxListeners() - 1)
    errorStream.setMaxListeners(errorStream.getMaxListeners() - 1)
    this.#channel.destroy()
  }

  get #channel(): Duplex {
    return this.#process.stdio![CHANNEL] as unknown as Duplex
  }

  #pipe(from: Readable, to: NodeJS.WritableStream & EventEmitter): void {
    to.setMaxListeners(to.getMaxListeners() + 1)
    from.pipe(to, { end: false }) // all processes share it
  }
}

function flushed(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
}
