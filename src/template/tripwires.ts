// Runs in: template, while it preloads. Hears which of some globals a module looks for while it is loaded. These exist
// in the children only: a test runner's `afterEach`, the `document` of a browser. A module that looks for one behaves
// differently if it is preloaded. So an optional one is left out of the preload.
//
// Node looks for a global that does not exist along the prototypes of globalThis. A proxy at their end hears it, and
// answers as the end itself would, so that no module sees a difference. (A getter on globalThis would make
// `'document' in globalThis` true.)
//
// More things differ: what a module changes while it is loaded, all children would have (platform/realm-changes.ts);
// the template's output may be a terminal while that of the children is a pipe; and tests and workers of cluster belong
// to the process that declares them.
import { syncBuiltinESMExports } from 'node:module'
import tty from 'node:tty'
import { RealmChanges } from '../platform/realm-changes.js'

/** Modules of Node that make a process a part of something, as `process.moduleLoadList` names them. */
const OF_A_PROCESS = new Map([
  ['NativeModule test', 'node:test'],
  ['NativeModule cluster', 'node:cluster'],
])

/** The names of those modules of Node that this process has loaded. Undocumented, in Node 20, 22, 24 and 26. */
const loadedByNode = (): string[] =>
  (process as unknown as { moduleLoadList: string[] }).moduleLoadList.filter((name) => OF_A_PROCESS.has(name))

/** So many changes are told: a polyfill may make hundreds. */
const MOST_NAMES = 5

/** Listens for some names of globals. Those that exist are not heard. */
export class Tripwires {
  readonly #names: ReadonlySet<PropertyKey>
  readonly #heard = new Set<string>()
  readonly #globals = new Set(Reflect.ownKeys(globalThis))
  readonly #loaded = new Set(loadedByNode())
  readonly #isatty = tty.isatty
  #sawTerminal = false
  #changes: RealmChanges | undefined
  /** The object whose prototype is the proxy. */
  readonly #holder: object = Object.getPrototypeOf(globalThis) as object
  readonly #end: object | null = Object.getPrototypeOf(this.#holder) as object | null

  constructor(names: readonly string[]) {
    this.#names = new Set(names)
  }

  /** Begins to listen. Without names it does nothing. */
  begin(): void {
    if (this.#names.size === 0 || this.#end === null) return
    this.#changes = new RealmChanges(globalThis)
    const hear = (name: PropertyKey): void => {
      if (this.#names.has(name)) this.#heard.add(String(name))
    }
    const proxy = new Proxy(this.#end, {
      has: (target, name) => {
        hear(name)
        return Reflect.has(target, name)
      },
      get: (target, name, receiver) => {
        hear(name)
        return Reflect.get(target, name, receiver) as unknown
      },
    })
    Reflect.setPrototypeOf(this.#holder, proxy)
    tty.isatty = (fd) => {
      const isTerminal = this.#isatty(fd)
      if (isTerminal) this.#sawTerminal = true
      return isTerminal
    }
    syncBuiltinESMExports()
  }

  /** Why what was loaded since the last call would behave differently in a child: clauses. */
  take(): string[] {
    if (this.#names.size === 0) return []
    const why = [...this.#takeHeard(), ...this.#takeChanged(), ...this.#takeLoaded()]
    if (this.#sawTerminal) why.push('it asks for a terminal while it is loaded: that of a child may be another one')
    this.#sawTerminal = false
    return why
  }

  #takeHeard(): string[] {
    if (this.#heard.size === 0) return []
    const names = [...this.#heard].join(', ')
    this.#heard.clear()
    return [`it looks for ${names} while it is loaded: preloaded, it would find nothing there`]
  }

  #takeChanged(): string[] {
    const added = Reflect.ownKeys(globalThis).filter((name) => !this.#globals.has(name))
    for (const name of added) this.#globals.add(name)
    const changed = this.#changes?.take().filter((name) => !added.includes(name)) ?? []
    const why: string[] = []
    if (added.length > 0) why.push(`it adds ${added.map(String).join(', ')} to the globals`)
    if (changed.length > 0) why.push(`it changes ${changed.slice(0, MOST_NAMES).join(', ')} while it is loaded`)
    return why.map((what) => `${what}: preloaded, it would do so for every child`)
  }

  #takeLoaded(): string[] {
    const loaded = loadedByNode().filter((name) => !this.#loaded.has(name))
    for (const name of loaded) this.#loaded.add(name)
    return loaded.map((name) => `it loads ${OF_A_PROCESS.get(name)}, which belongs to each process`)
  }

  /** Ends it: everything is as it was. */
  end(): void {
    if (this.#names.size === 0 || this.#end === null) return
    Reflect.setPrototypeOf(this.#holder, this.#end)
    tty.isatty = this.#isatty
    syncBuiltinESMExports()
  }
}
