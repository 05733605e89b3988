// Runs in: owner. What vitest takes for one test process: forked if a template is ready, and else vitest's own.
import { pathToFileURL } from 'node:url'
import type { ForkServer } from '../owner/server/fork-server.js'
import { DeadlineWorker } from './file-deadline.js'
import { ForkedWorker } from './forked-worker.js'
import type { TestTemplates } from './test-templates.js'
import { plainWorker } from './vitest-node.js'
import type { Message, VitestWorker, WorkerOptions } from './vitest-types.js'

/** One test process. */
export class FileWorker implements VitestWorker {
  readonly name: string
  readonly cacheFs = true
  readonly #options: WorkerOptions
  readonly #templates: TestTemplates
  readonly #fileTimeout: number | undefined
  /** What the process was told to import without a transformation. */
  readonly #externals = new Set<string>()
  #worker: VitestWorker | undefined

  /**
   * @param name of the pool
   * @param options from vitest
   * @param templates where a server may be had
   * @param fileTimeout in milliseconds
   */
  constructor(name: string, options: WorkerOptions, templates: TestTemplates, fileTimeout: number | undefined) {
    this.name = name
    this.#options = options
    this.#templates = templates
    this.#fileTimeout = fileTimeout
  }

  async start(): Promise<void> {
    const server = await this.#templates.serverFor(this.#options)
    const worker =
      (server && (await this.#startForked(server))) ?? (await this.#start(await plainWorker(this.name, this.#options)))
    worker.on('message', (message: Message) => {
      if (message?.type === 'testfileFinished') this.#fileEnded()
    })
  }

  async #startForked(server: ForkServer): Promise<VitestWorker | undefined> {
    try {
      return await this.#start(new ForkedWorker(this.name, this.#options, server))
    } catch (error) {
      this.#templates.tellNotForked(this.#options, error)
      return undefined
    }
  }

  async #start(worker: VitestWorker): Promise<VitestWorker> {
    this.#worker = this.#fileTimeout === undefined ? worker : new DeadlineWorker(worker, this.#fileTimeout)
    await this.#worker.start()
    return this.#worker
  }

  /** vitest also stops what did not start. */
  async stop(): Promise<void> {
    await this.#worker?.stop()
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  on(event: string, callback: (...args: any[]) => void): void {
    this.#worker!.on(event, callback)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it
  off(event: string, callback: (...args: any[]) => void): void {
    this.#worker?.off(event, callback)
  }

  send(message: Message): void {
    if (message.t === 's') this.#note(message.r)
    this.#worker!.send(message)
  }

  deserialize(data: unknown): unknown {
    return data
  }

  /** Answers of vitest to fetchModule() say that the process shall import a file itself. */
  #note(answer: unknown): void {
    const { externalize } = (answer ?? {}) as { externalize?: unknown }
    if (typeof externalize !== 'string') return
    if (externalize.startsWith('file:')) this.#externals.add(externalize)
    else if (externalize.startsWith('/')) this.#externals.add(pathToFileURL(externalize).href)
  }

  #fileEnded(): void {
    void this.#templates.fileEnded(this.#options, [...this.#externals])
    this.#externals.clear()
  }
}
