// Runs in: owner. What vitest takes for one test process: forked if a template is ready, and else vitest's own.
import { fileDeadline } from './file-deadline.js'
import { ForkedWorker } from './forked-worker.js'
import type { Template } from './test-template.js'
import type { PoolOptions, PoolWorker } from './vitest-types.js'
import { plainWorker } from './vitest-node.js'

/** One test process. */
export class FileWorker implements PoolWorker {
  readonly name: string
  readonly cacheFs = true
  readonly #options: PoolOptions
  readonly #template: Template
  readonly #fileTimeout: number | undefined
  #worker: PoolWorker | undefined

  constructor(name: string, options: PoolOptions, template: Template, fileTimeout: number | undefined) {
    this.name = name
    this.#options = options
    this.#template = template
    this.#fileTimeout = fileTimeout
  }

  async start(): Promise<void> {
    const server = this.#template.server()
    const worker = server
      ? new ForkedWorker(this.name, this.#options, server)
      : await plainWorker(this.name, this.#options)
    this.#worker = this.#fileTimeout === undefined ? worker : fileDeadline(worker, this.#fileTimeout)
    await this.#worker.start()
    this.#worker.on('message', (message: unknown) => this.#note(message))
  }

  async stop(): Promise<void> {
    await this.#started.stop()
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  on(event: string, callback: (...args: any[]) => void): void {
    this.#started.on(event, callback)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  off(event: string, callback: (...args: any[]) => void): void {
    this.#started.off(event, callback)
  }

  send(message: unknown): void {
    const { t, r } = message as { t?: string; r?: { externalize?: unknown } }
    if (t === 's' && typeof r?.externalize === 'string') this.#template.learn(r.externalize)
    this.#started.send(message)
  }

  deserialize(data: unknown): unknown {
    return data
  }

  #note(message: unknown): void {
    if ((message as { type?: string } | null)?.type === 'testfileFinished') this.#template.fileFinished()
  }

  get #started(): PoolWorker {
    return this.#worker!
  }
}
