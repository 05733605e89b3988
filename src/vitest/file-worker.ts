// Runs in: owner. What vitest takes for one test process: forked if a template is ready, and else vitest's own.
import { DeadlineWorker } from './file-deadline.js'
import { ForkedWorker } from './forked-worker.js'
import type { TestTemplate } from './test-template.js'
import { plainWorker } from './vitest-node.js'
import type { Message, VitestWorker, WorkerOptions } from './vitest-types.js'

/** One test process. */
export class FileWorker implements VitestWorker {
  readonly name: string
  readonly cacheFs = true
  readonly #options: WorkerOptions
  readonly #template: TestTemplate
  readonly #fileTimeout: number | undefined
  #worker: VitestWorker | undefined

  constructor(name: string, options: WorkerOptions, template: TestTemplate, fileTimeout: number | undefined) {
    this.name = name
    this.#options = options
    this.#template = template
    this.#fileTimeout = fileTimeout
  }

  async start(): Promise<void> {
    const server = await this.#template.server()
    const worker = server
      ? new ForkedWorker(this.name, this.#options, server)
      : await plainWorker(this.name, this.#options)
    this.#worker = this.#fileTimeout === undefined ? worker : new DeadlineWorker(worker, this.#fileTimeout)
    await this.#worker.start()
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

  send(message: Message): void {
    this.#started.send(message)
  }

  deserialize(data: unknown): unknown {
    return data
  }

  get #started(): VitestWorker {
    return this.#worker!
  }
}
