// Runs in: owner. One template of the registry, from its first start over the ones that replace it to its end. All of
// that happens in the background: whoever asks gets the server that is ready now, or none.

import { MAX_MILLISECONDS } from '../options/option-checks.js'
import type { ForkServer } from '../owner/server/fork-server.js'
import type { NodeFlags } from '../owner/server/node-flags.js'
import type { StartOptions } from '../owner/server/server-options.js'
import { clearInterval, setInterval } from '../platform/timers.js'
import { isIn } from './learn-option.js'
import { EMPTY_LIST, format, type LearntList, merge, parse, strikeOff, urlsOf } from './learnt-list.js'
import type { Project } from './project.js'
import { fileNameOf, GLOBALS, type TemplateRequest } from './template-request.js'

/** A template is replaced at most so many times because more was learnt. What is learnt later helps the next run. */
const MAX_SWAPS = 3

/** What the registry needs of ForkServer: tests start none. */
export type StartServer = (options: StartOptions, flags: NodeFlags | undefined) => Promise<ForkServer>

/** One template. */
export class TemplateEntry {
  readonly #request: TemplateRequest
  readonly #project: Project
  readonly #start: StartServer
  readonly #stamp: string
  readonly #listStamp: string | undefined
  readonly #closing = new AbortController()
  /** Servers that were replaced, and close when their processes have ended. */
  readonly #replaced = new Set<Promise<void>>()
  #list: LearntList = EMPTY_LIST
  #server: ForkServer | undefined
  /** The start that goes on now. */
  #starting: Promise<void> | undefined
  /** The list that the last start had. */
  #startedWith: LearntList = EMPTY_LIST
  #swaps = 0
  #hasBegun = false
  #hasFailed = false
  #failure: Error | undefined

  constructor(request: TemplateRequest, project: Project, start: StartServer) {
    this.#request = request
    this.#project = project
    this.#start = start
    this.#stamp = project.stamp
    this.#listStamp = this.#learns ? project.listStamp([request.tool]) : undefined
    const text = this.#listStamp === undefined ? undefined : project.read(fileNameOf(request))
    if (text !== undefined) this.#list = parse(text, this.#listStamp!)
  }

  get #learns(): boolean {
    return this.#request.learns ?? true
  }

  /** Whether the lock file has changed since. */
  get isStale(): boolean {
    return this.#project.stamp !== this.#stamp
  }

  /** The server that is ready; undefined if none is yet, or if there can be none. */
  get server(): ForkServer | undefined {
    return this.#server
  }

  /** Whether something was learnt that a template can preload. */
  get hasLearnt(): boolean {
    return this.#list.modules.length > 0
  }

  /** Begins the first start, unless it has begun. Until then modules are learnt, but nothing runs. */
  begin(): void {
    if (this.#hasBegun || this.#isClosed) return
    this.#hasBegun = true
    this.#starting = this.#run()
  }

  /** Why the last start failed, if it did. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Resolves when no start goes on. Whoever waits for that keeps the event loop running; a start does not. */
  async settled(): Promise<void> {
    const hold = setInterval(() => {}, MAX_MILLISECONDS)
    try {
      while (this.#starting) await this.#starting
    } finally {
      clearInterval(hold)
    }
  }

  /** Adds modules that a process has loaded. The template is replaced in the background if they are new. */
  learn(urls: readonly string[]): void {
    if (!this.#learns || this.#isClosed) return
    const before = this.#list
    const { exclude = [] } = this.#request
    this.#list = merge(
      before,
      urls.filter((url) => !isIn(url, exclude)),
      this.#project.url,
    )
    if (this.#list === before) return
    this.#keep()
    this.#swap()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #keep(): void {
    if (this.#listStamp !== undefined)
      this.#project.write(fileNameOf(this.#request), format(this.#list, this.#listStamp))
  }

  /** Starts a template with what was learnt since the last start. If a start goes on, this follows it. */
  #swap(): void {
    const isNew = this.#list.modules.some((path) => !this.#startedWith.modules.includes(path))
    if (!this.#hasBegun || this.#starting || this.#isClosed || this.#hasFailed || !isNew || this.#swaps >= MAX_SWAPS)
      return
    this.#swaps++
    this.#starting = this.#run()
  }

  async #run(): Promise<void> {
    try {
      await this.#startOne()
    } catch (error) {
      // Nothing is lost: the tool goes on in its plain way, or with the template before. The diagnostics channel of
      // templates that fail says why.
      this.#hasFailed = true
      this.#failure = error as Error
    } finally {
      this.#starting = undefined
    }
    this.#swap()
  }

  async #startOne(): Promise<void> {
    const { env, execArgv, flags, preload = [], warmup, tripwires = GLOBALS, strict = true } = this.#request
    const list = this.#list
    this.#startedWith = list
    const learnt = urlsOf(list, this.#project.url).map((module) => ({ module, optional: true }))
    const options: StartOptions = {
      preload: [...preload, ...learnt],
      tripwires,
      strict,
      ref: false,
      signal: this.#closing.signal,
      ...(env && { env }),
      ...(execArgv && { execArgv }),
      ...(warmup && { warmup }),
    }
    const server = await this.#start(options, flags)
    if (this.#isClosed || server.startMethod === 'spawn') {
      this.#hasFailed = true // a spawned process is what the tool has already
      await server.close({ children: 'kill' })
      return
    }
    const before = this.#server
    this.#server = server
    if (before) this.#retire(before)
    const kept = strikeOff(this.#list, server.report?.skipped ?? [], this.#project.url)
    if (kept === this.#list) return
    this.#list = kept
    this.#keep()
  }

  /** Closes a server as soon as its processes have ended. */
  #retire(server: ForkServer): void {
    const closed = server.close().finally(() => this.#replaced.delete(closed))
    this.#replaced.add(closed)
  }

  /** Ends a start that goes on, and closes the servers when their processes have ended. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.settled()
    if (this.#server) this.#retire(this.#server)
    this.#server = undefined
    await Promise.all(this.#replaced)
  }
}
