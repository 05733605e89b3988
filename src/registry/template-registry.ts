// Runs in: owner, inside a tool (a test runner, for example). The templates of one process, shared by all tools in it:
// one for each request that differs (template-request.ts).
//
// A template is started in the background. Until it is ready the tool starts its processes in its plain way, so that
// nobody is slower than without forkserver.
import { ForkServer, startInBackground } from '../owner/server/fork-server.js'
import { Project } from './project.js'
import { type StartServer, TemplateEntry } from './template-entry.js'
import { keyOf, type TemplateRequest } from './template-request.js'

const startServer: StartServer = (options, flags) =>
  flags ? ForkServer[startInBackground](options, flags) : ForkServer.start(options)

/** The templates of one project. */
export class TemplateRegistry {
  readonly #project: Project
  readonly #start: StartServer
  readonly #entries = new Map<string, TemplateEntry>()
  /** Templates that a changed lock file has made stale, on their way out. */
  readonly #leaving = new Set<Promise<void>>()
  #isClosed = false

  /**
   * @param folder where the tool runs; the project is the nearest folder above it that has a lock file
   * @param start starts a server: for tests
   */
  constructor(folder: string = process.cwd(), start: StartServer = startServer) {
    this.#project = new Project(folder)
    this.#start = start
  }

  /**
   * The server that can start a process now. The first call begins to start its template.
   *
   * @returns the server, to be used at once, because another one may replace it; undefined if it is not ready, or if
   *   there can be none: then the tool uses its plain way
   */
  serverFor(request: TemplateRequest): ForkServer | undefined {
    const entry = this.#entryOf(request)
    entry?.begin()
    return entry?.server
  }

  /** As serverFor(), but a template that was not asked for yet is not started. */
  startedServerFor(request: TemplateRequest): ForkServer | undefined {
    return this.#entryOf(request)?.server
  }

  /** Whether it is known what processes load: a template that is started now can have all of it. */
  hasLearnt(request: TemplateRequest): boolean {
    return this.#entryOf(request)?.hasLearnt ?? false
  }

  /** As serverFor(), when the start that goes on has ended. */
  async ready(request: TemplateRequest): Promise<ForkServer | undefined> {
    const entry = this.#entryOf(request)
    entry?.begin()
    await entry?.settled()
    return entry?.server
  }

  /** Why there is no server for a request, if its start has failed. */
  failureOf(request: TemplateRequest): Error | undefined {
    return this.#entries.get(keyOf(request))?.failure
  }

  /**
   * Tells which modules a process has loaded beyond the template: `loadedModules` of a Process, or the file URLs that
   * the tool knows of. Those of packages inside the project are preloaded from now on, if they can be.
   */
  learn(request: TemplateRequest, urls: readonly string[]): void {
    this.#entryOf(request)?.learn(urls)
  }

  /** Whether what is learnt helps the next run, too. */
  get canKeep(): boolean {
    return this.#project.canKeep
  }

  /** Whether it was closed: it starts nothing any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  #entryOf(request: TemplateRequest): TemplateEntry | undefined {
    if (this.#isClosed) return undefined
    const key = keyOf(request)
    let entry = this.#entries.get(key)
    if (entry?.isStale) {
      this.#leave(entry)
      entry = undefined
    }
    if (!entry) {
      entry = new TemplateEntry(request, this.#project, this.#start)
      this.#entries.set(key, entry)
    }
    return entry
  }

  #leave(entry: TemplateEntry): void {
    const left = entry.close().finally(() => this.#leaving.delete(left))
    this.#leaving.add(left)
  }

  /** Closes all servers, each when its processes have ended. A start that goes on is ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const entry of this.#entries.values()) this.#leave(entry)
    this.#entries.clear()
    await Promise.all(this.#leaving)
  }
}

const registries = new Map<string, TemplateRegistry>()

/** The registry that all tools in this process share for a folder. */
export function registryOf(folder: string = process.cwd()): TemplateRegistry {
  let registry = registries.get(folder)
  if (!registry || registry.isClosed) {
    registry = new TemplateRegistry(folder)
    registries.set(folder, registry)
  }
  return registry
}
