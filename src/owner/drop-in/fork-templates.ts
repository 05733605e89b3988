// Runs in: owner. The templates behind fork(): one for each set of flags and of variables that Node reads at its start.
// The registry starts a template in the background, while processes are started the plain way. So nobody waits for one.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { debuglog } from 'node:util'
import { TemplateRegistry } from '../../registry/template-registry.js'
import { type TemplateRequest, VARIABLES_OF_START } from '../../registry/template-request.js'
import { changeOf } from '../../wire/environment.js'
import type { ForkServer } from '../server/fork-server.js'
import { flagsInPlaceOf } from '../server/node-flags.js'

/** Each takes memory: more sets of flags are started the plain way. */
const MAX_TEMPLATES = 8

const log = debuglog('forkserver')

/** Says under NODE_DEBUG=forkserver why a process is started the plain way. */
export function say(reason: string): void {
  log('fork() starts a plain process: %s', reason)
}

/** Whether FORKSERVER=off turns all of it off. */
export const isOff = (env: NodeJS.ProcessEnv): boolean => env.FORKSERVER === 'off'

/** The modules that templates load: FORKSERVER_PRELOAD, or `forkserver.preload` of the package.json here or above. */
export function preloadOf(env: NodeJS.ProcessEnv, from: string): string[] {
  if (env.FORKSERVER_PRELOAD !== undefined) return env.FORKSERVER_PRELOAD.split(',').filter((name) => name !== '')
  for (let folder = from; ; folder = path.dirname(folder)) {
    const found = readPackage(path.join(folder, 'package.json'))
    if (found) return Array.isArray(found.forkserver?.preload) ? found.forkserver.preload.map(String) : []
    if (folder === path.dirname(folder)) return []
  }
}

function readPackage(file: string): { forkserver?: { preload?: unknown } } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { forkserver?: { preload?: unknown } }
  } catch {
    return undefined
  }
}

/** What is asked for: the flags of the process, and its environment. */
export interface Wanted {
  flags: readonly string[]
  env: NodeJS.ProcessEnv
}

/** A server, and who wants to know what its processes load. */
export interface Template {
  server: ForkServer
  learn?: (urls: readonly string[]) => void
}

/** The environment of a template for a process with this one: the owner's, except for what Node reads at its start. */
function environmentOfTemplate(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of VARIABLES_OF_START) {
    if (given[name] === undefined) delete env[name]
    else env[name] = given[name]
  }
  return env
}

/** Variables that a process may have of its own, and no package reads while it is loaded. */
const OF_PROCESS = /^NODE_(CHANNEL_|TEST_|UNIQUE_ID$|V8_COVERAGE$)/

/** Whether packages find in this environment what they find in that of its template. */
function hasEnvironmentOf(env: NodeJS.ProcessEnv): boolean {
  const { set = {}, unset = [] } = changeOf(environmentOfTemplate(env), env) ?? {}
  return [...Object.keys(set), ...unset].every((name) => OF_PROCESS.test(name))
}

/** All processes that one template can start. */
interface Place {
  uses: number
  request?: TemplateRequest
  /** Why there is no template for them. */
  refused?: string
  /** The user's server. */
  server?: ForkServer
}

/** The templates of this process. */
export class ForkTemplates {
  readonly #places = new Map<string, Place>()
  #registry = new TemplateRegistry()
  /** At which use of the same flags a template is started for them: it pays off from the second process on. */
  startsAt = 2
  /** Whether templates also preload what processes were seen to load. */
  learns = false

  /** The template for these flags, if it is ready. Else it may be started for later uses. */
  use(wanted: Wanted): Template | undefined {
    const place = this.#placeOf(wanted)
    place.uses++
    if (place.server) return { server: place.server }
    const { request, uses, refused } = place
    const server = request && this.#registry[uses >= this.startsAt ? 'serverFor' : 'startedServerFor'](request)
    if (server) {
      if (!request!.learns) return { server }
      const registry = this.#registry
      return { server, learn: (urls) => registry.learn(request!, urls) }
    }
    say(refused ?? this.#failureOf(request!) ?? `no template is ready for the flags [${wanted.flags.join(' ')}]`)
    return undefined
  }

  /** Uses this server for these flags, and starts none. */
  set(wanted: Wanted, server: ForkServer): void {
    this.#placeOf(wanted).server = server
  }

  /** Starts a template for these flags, and waits for it. Returns why there is none, or undefined if there is one. */
  async ready(wanted: Wanted): Promise<string | undefined> {
    const { server, request, refused } = this.#placeOf(wanted)
    if (server) return undefined
    if (!request) return refused
    return (await this.#registry.ready(request)) ? undefined : this.#failureOf(request)
  }

  #failureOf(request: TemplateRequest): string | undefined {
    const failure = this.#registry.failureOf(request)
    return failure && `no template could be started: ${failure.message ?? String(failure)}`
  }

  #placeOf(wanted: Wanted): Place {
    const learns = this.learns && this.#registry.canKeep && hasEnvironmentOf(wanted.env)
    const key = JSON.stringify([wanted.flags, VARIABLES_OF_START.map((name) => wanted.env[name]), learns])
    let place = this.#places.get(key)
    if (!place) this.#places.set(key, (place = { uses: 0, ...this.#requestFor(wanted, learns) }))
    return place
  }

  #requestFor({ flags, env: given }: Wanted, learns: boolean): Pick<Place, 'request' | 'refused'> {
    const env = environmentOfTemplate(given)
    const found = flagsInPlaceOf(flags, env.NODE_OPTIONS)
    if ('refused' in found) return found
    const others = [...this.#places.values()].filter(({ request }) => request)
    if (others.length >= MAX_TEMPLATES) return { refused: `there are ${MAX_TEMPLATES} templates already` }
    const preload = preloadOf(env, process.cwd())
    return { request: { tool: 'register', env, flags: found.flags, preload, learns, strict: false } }
  }

  /** Closes the templates that it started. The processes that run live on. */
  async close(): Promise<void> {
    const registry = this.#registry
    this.#registry = new TemplateRegistry()
    this.#places.clear()
    await registry.close()
  }
}

/** One for all that is in the place of child_process in this process. */
export const templates = new ForkTemplates()
