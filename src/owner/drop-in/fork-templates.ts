// Runs in: owner. The templates behind fork(): one for each set of flags and of variables that Node reads at its start.
// A template starts in the background, while processes are started the plain way. So nobody waits for one.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { debuglog } from 'node:util'
import { clearInterval, setInterval } from '../../platform/timers.js'
import { START_VARIABLES } from '../../wire/environment.js'
import { ForkServer, startInBackground } from '../server/fork-server.js'
import { flagsInPlaceOf } from '../server/node-flags.js'

/** Each takes memory: more sets of flags are started the plain way. */
const MAX_TEMPLATES = 8

/** The test runner of Node 20 looks for it when Node starts. */
const KEY_VARIABLES = [...START_VARIABLES, 'NODE_TEST_CONTEXT']

const HOLD_MS = 60_000

const log = debuglog('forkserver')

/** Says under NODE_DEBUG=forkserver why a process is started the plain way. */
export function say(reason: string): void {
  log('fork() starts a plain process: %s', reason)
}

interface Entry {
  uses: number
  server?: ForkServer
  starting?: Promise<void>
  refused?: string
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

const keyOf = ({ flags, env }: Wanted): string => JSON.stringify([flags, KEY_VARIABLES.map((name) => env[name])])

/** The templates of this process. */
export class TemplateRegistry {
  readonly #entries = new Map<string, Entry>()
  readonly #started = new Set<ForkServer>()
  /** At which use of the same flags a template is started for them: it pays off from the second process on. */
  startsAt = 2

  /** The server for these flags, if it is ready. Else it may be started for later uses. */
  use(wanted: Wanted): ForkServer | undefined {
    const entry = this.#entryOf(wanted)
    entry.uses++
    if (entry.server) return entry.server
    if (entry.uses >= this.startsAt) void this.#start(entry, wanted)
    say(entry.refused ?? `no template is ready for the flags [${wanted.flags.join(' ')}]`)
    return undefined
  }

  /** Uses this server for these flags, and starts none. */
  set(wanted: Wanted, server: ForkServer): void {
    Object.assign(this.#entryOf(wanted), { server, refused: undefined })
  }

  /** Starts a template for these flags, and waits for it. Returns why there is none, or undefined if there is one. */
  async ready(wanted: Wanted): Promise<string | undefined> {
    const entry = this.#entryOf(wanted)
    const hold = setInterval(() => {}, HOLD_MS) // the start does not keep the event loop running, but who waits does
    await this.#start(entry, wanted)
    clearInterval(hold)
    return entry.server ? undefined : entry.refused
  }

  #entryOf(wanted: Wanted): Entry {
    const key = keyOf(wanted)
    let entry = this.#entries.get(key)
    if (!entry) this.#entries.set(key, (entry = { uses: 0 }))
    return entry
  }

  #start(entry: Entry, wanted: Wanted): Promise<void> {
    if (entry.server || entry.refused !== undefined) return Promise.resolve()
    entry.starting ??= this.#startNow(entry, wanted)
    return entry.starting
  }

  async #startNow(entry: Entry, { flags, env: given }: Wanted): Promise<void> {
    const startedNow = [...this.#entries.values()].filter(({ server, starting }) => server || starting)
    const env: NodeJS.ProcessEnv = { ...process.env }
    for (const name of KEY_VARIABLES) {
      if (given[name] === undefined) delete env[name]
      else env[name] = given[name]
    }
    const found = flagsInPlaceOf(flags, env.NODE_OPTIONS)
    if ('refused' in found) entry.refused = found.refused
    else if (startedNow.length >= MAX_TEMPLATES) entry.refused = `there are ${MAX_TEMPLATES} templates already`
    if (entry.refused !== undefined || 'refused' in found) return
    try {
      const preload = preloadOf(env, process.cwd())
      const server = await ForkServer[startInBackground]({ preload, env, strict: false }, found.flags)
      this.#started.add(server)
      entry.server ??= server
    } catch (error) {
      entry.refused = `no template could be started: ${(error as Error).message ?? String(error)}`
      say(entry.refused)
    }
  }

  /** Closes the templates that it started. The processes that run live on. */
  async close(): Promise<void> {
    const starting = [...this.#entries.values()].map((entry) => entry.starting)
    this.#entries.clear()
    await Promise.all(starting)
    const servers = [...this.#started]
    this.#started.clear()
    await Promise.all(servers.map((server) => server.close()))
  }
}

/** One for all that is in the place of child_process in this process. */
export const templates = new TemplateRegistry()
