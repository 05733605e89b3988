// Runs in: template, while it preloads. Hears which of some globals a module looks for while it is loaded. These exist
// in the children only: a test runner's `afterEach`, the `document` of a browser. A module that looks for one behaves
// differently if it is preloaded. So an optional one is left out of the preload.
//
// Node looks for a global that does not exist along the prototypes of globalThis. A proxy at their end hears it, and
// answers as the end itself would, so that no module sees a difference. (A getter on globalThis would make
// `'document' in globalThis` true.)

/** Listens for some names of globals. Those that exist are not heard. */
export class Tripwires {
  readonly #names: ReadonlySet<PropertyKey>
  readonly #heard = new Set<string>()
  readonly #globals = new Set(Reflect.ownKeys(globalThis))
  /** The object whose prototype is the proxy. */
  readonly #holder: object = Object.getPrototypeOf(globalThis) as object
  readonly #end: object | null = Object.getPrototypeOf(this.#holder) as object | null

  constructor(names: readonly string[]) {
    this.#names = new Set(names)
  }

  /** Begins to listen. Without names it does nothing. */
  begin(): void {
    if (this.#names.size === 0 || this.#end === null) return
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
  }

  /** The names that were heard since the last call. */
  take(): string[] {
    const heard = [...this.#heard]
    this.#heard.clear()
    return heard
  }

  /** The globals that were added since the last call: every child would have them, whatever it loads. */
  takeAdded(): string[] {
    if (this.#names.size === 0) return []
    const added = Reflect.ownKeys(globalThis).filter((name) => !this.#globals.has(name))
    for (const name of added) this.#globals.add(name)
    return added.map(String)
  }

  /** Ends it: everything is as it was. */
  end(): void {
    if (this.#names.size > 0 && this.#end !== null) Reflect.setPrototypeOf(this.#holder, this.#end)
  }
}
