// Runs in: owner. The templates behind fork(): one for each set of flags and of variables that Node reads at its start.
// The registry starts a template in the background, while processes are started the plain way. So nobody waits for one.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { debuglog } from 'node:util'
import { TemplateRegistry } from '../../registry/template-registry.js'
import { type TemplateRequest, VARIABLES_OF_LOAD, VARIABLES_OF_START } from '../../registry/template-request.js'
import { changeOf } from '../../wire/environment.js'
import type { ForkServer } from '../server/fork-server.js'
import { flagsInPlaceOf } from '../server/node-flags.js'

/** Each takes memory: more sets of flags are started the plain way. */
const MAX_TEMPLATES = 8

/** So many sets of flags without a template are counted. One that is older begins anew. */
const MAX_COUNTED = 100

const log = debuglog('forkserver')

/** Says under NODE_DEBUG=forkserver why a process is started the plain way. */
export function say(reason: string): void {
  log('fork() starts a plain process: %s', reason)
}

/** Whether FORKSERVER=off turns all of it off. */
export const isOff = (env: NodeJS.ProcessEnv): boolean => env.FORKSERVER === 'off'

/** Whether FORKSERVER_LEARN=off turns only the learning off. */
const learnsNothing = (): boolean => process.env.FORKSERVER_LEARN === 'off'

/** Undefined if it was removed. */
function currentFolder(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** The modules that templates load: FORKSERVER_PRELOAD, or `forkserver.preload` of the package.json here or above. */
export function preloadOf(env: NodeJS.ProcessEnv, from: string): string[] {
  if (env.FORKSERVER_PRELOAD !== undefined) return absolute(env.FORKSERVER_PRELOAD.split(',').filter(Boolean), from)
  for (let folder = from; ; folder = path.dirname(folder)) {
    const found = readPackage(path.join(folder, 'package.json'))
    if (found) return absolute(Array.isArray(found.forkserver?.preload) ? found.forkserver.preload : [], folder)
    if (folder === path.dirname(folder)) return []
  }
}

/** Names of packages as they are; files, which begin with a dot, from this folder. */
function absolute(names: readonly unknown[], folder: string): string[] {
  return names.map(String).map((name) => (name.startsWith('.') ? path.resolve(folder, name) : name))
}

function readPackage(file: string): { forkserver?: { preload?: unknown } } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { forkserver?: { preload?: unknown } }
  } catch {
    return undefined
  }
}

/** What is asked for. */
export interface Wanted {
  /** The flags of the process. */
  flags: readonly string[]
  env: NodeJS.ProcessEnv
  /** The arguments of its script. */
  args: readonly string[]
  /** Its working directory, if it gets one of its own. */
  cwd: string | undefined
}

/** A server, and who wants to know what its processes load. */
export interface Template {
  server: ForkServer
  learn?: (urls: readonly string[]) => void
}

/** The environment of a template for a process with this one: the owner's, except for these variables. */
function environmentOfTemplate(given: NodeJS.ProcessEnv, variables: readonly string[]): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of variables) {
    if (given[name] === undefined) delete env[name]
    else env[name] = given[name]
  }
  return env
}

/** Variables that a process may have of its own, and no package reads while it is loaded. */
const OF_PROCESS = /^NODE_(CHANNEL_|TEST_|UNIQUE_ID$|V8_COVERAGE$)/

/** Whether packages find in this environment what they find in that of its template. */
function hasEnvironmentOf(env: NodeJS.ProcessEnv): boolean {
  const { set = {}, unset = [] } = changeOf(environmentOfTemplate(env, VARIABLES_OF_LOAD), env) ?? {}
  return [...Object.keys(set), ...unset].every((name) => OF_PROCESS.test(name))
}

/** All processes that one template can start. */
interface Place {
  uses: number
  /** Those that its template has from the processes, and whether it learns what they load. */
  readonly variables: readonly string[]
  readonly learns: boolean
  request?: TemplateRequest
  /** Why there is no template for them. */
  refused?: string
  /** Whether a template was started for them. */
  isStarted?: boolean
}

/** What processes have in common that have the same flags and the same values of these variables. */
const keyOf = ({ flags, env }: Wanted, variables: readonly string[]): string =>
  JSON.stringify([flags, variables.map((name) => env[name])])

/** Why a server of the user cannot fork, if it cannot. */
const whyNotFrom = (server: ForkServer): string | undefined =>
  server.startMethod === 'spawn' ? `the server of setServer() spawns: ${server.spawnReason}` : undefined

/** The templates of this process. */
export class ForkTemplates {
  readonly #places = new Map<string, Place>()
  /** The user's servers, for all processes with the same flags and variables of start. */
  readonly #servers = new Map<string, ForkServer>()
  readonly #makeRegistry: () => TemplateRegistry
  #registry: TemplateRegistry
  /** Where templates that learn start, and their processes. */
  #cwd = currentFolder()
  /** At which use of the same flags a template is started for them: it pays off from the second process on. */
  startsAt = 2
  /** Whether templates also preload what processes were seen to load. */
  learns = false

  /** @param makeRegistry makes what starts the templates: for tests */
  constructor(makeRegistry = () => new TemplateRegistry()) {
    this.#makeRegistry = makeRegistry
    this.#registry = makeRegistry()
  }

  /** The template for these flags, if it is ready. Else it may be started for later uses. */
  use(wanted: Wanted): Template | undefined {
    const own = this.#servers.get(keyOf(wanted, VARIABLES_OF_START))
    if (own) {
      const refused = whyNotFrom(own)
      if (refused !== undefined) say(refused)
      return refused === undefined ? { server: own } : undefined
    }
    const place = this.#placeOf(wanted)
    place.uses++
    if (place.uses >= this.startsAt) this.#start(place, wanted)
    const { request, isStarted } = place
    const registry = this.#registry
    const server = request && isStarted ? registry.serverFor(request) : undefined
    if (server && request)
      return request.learns ? { server, learn: (urls) => registry.learn(request, urls) } : { server }
    say(this.#whyNot(place) ?? `no template is ready for the flags [${wanted.flags.join(' ')}]`)
    return undefined
  }

  /** Begins to start a template, unless there are too many. */
  #start(place: Place, { flags, env }: Wanted): void {
    if (place.isStarted || place.refused) return
    Object.assign(place, this.#requestFor(flags, environmentOfTemplate(env, place.variables), place.learns))
    if (!place.request) return
    const started = [...this.#places.values()].filter(({ isStarted }) => isStarted)
    if (started.length >= MAX_TEMPLATES) place.refused = `there are ${MAX_TEMPLATES} templates already`
    else place.isStarted = true
  }

  #whyNot({ request, refused }: Place): string | undefined {
    const failure = request && this.#registry.failureOf(request)
    return refused ?? (failure && `no template could be started: ${failure.message ?? String(failure)}`)
  }

  /** Uses this server for these flags, and starts none. */
  set(wanted: Wanted, server: ForkServer): void {
    this.#servers.set(keyOf(wanted, VARIABLES_OF_START), server)
  }

  /** Starts a template for these flags, and waits for it. Returns why there is none, or undefined if there is one. */
  async ready(wanted: Wanted): Promise<string | undefined> {
    if (isOff(process.env)) return 'FORKSERVER=off is set'
    const own = this.#servers.get(keyOf(wanted, VARIABLES_OF_START))
    if (own) return whyNotFrom(own)
    const place = this.#placeOf(wanted)
    this.#start(place, wanted)
    const { request, isStarted } = place
    if (request && isStarted && (await this.#registry.ready(request))) return undefined
    return this.#whyNot(place) ?? 'its template was closed'
  }

  #placeOf(wanted: Wanted): Place {
    const learns = this.learns && this.#registry.canKeep && !learnsNothing() && this.#isLikeTemplate(wanted)
    const variables = learns ? VARIABLES_OF_LOAD : VARIABLES_OF_START
    const key = keyOf(wanted, variables) + learns
    let place = this.#places.get(key)
    if (!place) {
      this.#forgetOldest()
      this.#places.set(key, (place = { uses: 0, variables, learns }))
    }
    return place
  }

  /** Packages read the environment, the arguments or the working directory while they are loaded. */
  #isLikeTemplate({ env, args, cwd }: Wanted): boolean {
    if (args.length > 0 || this.#cwd === undefined || currentFolder() !== this.#cwd) return false
    return (cwd === undefined || path.resolve(this.#cwd, cwd) === this.#cwd) && hasEnvironmentOf(env)
  }

  /** A program may pass other flags to each process. */
  #forgetOldest(): void {
    const counted = [...this.#places].filter(([, { isStarted }]) => !isStarted)
    if (counted.length >= MAX_COUNTED) this.#places.delete(counted[0]![0])
  }

  #requestFor(flags: readonly string[], env: NodeJS.ProcessEnv, learns: boolean): Pick<Place, 'request' | 'refused'> {
    const found = flagsInPlaceOf(flags, env.NODE_OPTIONS)
    if ('refused' in found) return found
    const preload = preloadOf(env, process.cwd())
    return { request: { tool: 'register', env, flags: found.flags, preload, learns, strict: false } }
  }

  /** Closes the templates that it started, each when its processes have ended: they tell how. */
  async close(): Promise<void> {
    const registry = this.#registry
    this.#registry = this.#makeRegistry()
    this.#cwd = currentFolder()
    this.#places.clear()
    await registry.close()
  }
}

/** One for all that is in the place of child_process in this process. */
export const templates = new ForkTemplates()
