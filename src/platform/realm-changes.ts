// Runs in: template and child. What a module changes for all modules of its realm: variables of the environment,
// globals, and the objects of the language behind them. Keys that are symbols do not count: test runners keep their own
// state behind those.

/** Their own properties count, and those of their prototypes. */
const BUILT_INS = [
  ...['AggregateError', 'Array', 'ArrayBuffer', 'BigInt', 'Boolean', 'DataView', 'Date', 'Error', 'Function', 'Intl'],
  ...['Iterator', 'JSON', 'Map', 'Math', 'Number', 'Object', 'Promise', 'Proxy', 'RangeError', 'Reflect', 'RegExp'],
  ...['Set', 'String', 'Symbol', 'SyntaxError', 'TypeError', 'Uint8Array', 'WeakMap', 'WeakRef', 'WeakSet'],
]

/** Counters of coverage, which each instrumented file looks for and adds to. */
const COVERAGE = '__coverage__'

const isObject = (value: unknown): value is object =>
  typeof value === 'function' || (typeof value === 'object' && value !== null)

interface Watched {
  /** In front of a key: `process.env.`, `Array.prototype.`, or nothing for a global. */
  readonly prefix: string
  readonly object: object
  readonly seen: Map<string, PropertyDescriptor>
}

/** Finds the changes of one realm. */
export class RealmChanges {
  readonly #watched: Watched[] = []

  /** @param realm its global object, which has a `process` */
  constructor(realm: typeof globalThis) {
    this.#watch('process.env.', realm.process.env)
    this.#watch('', realm)
    for (const name of BUILT_INS) {
      // A getter would load something of Node.
      const builtIn = Reflect.getOwnPropertyDescriptor(realm, name)?.value as { prototype?: unknown } | undefined
      if (!isObject(builtIn)) continue
      this.#watch(`${name}.`, builtIn)
      if (isObject(builtIn.prototype)) this.#watch(`${name}.prototype.`, builtIn.prototype)
    }
    this.take()
  }

  #watch(prefix: string, object: object): void {
    this.#watched.push({ prefix, object, seen: new Map() })
  }

  /** What has changed since the last call: names such as `process.env.API_KEY` or `Array.prototype.last`. */
  take(): string[] {
    return this.#watched.flatMap((watched) => changesOf(watched).map((key) => watched.prefix + key))
  }
}

function changesOf({ object, seen }: Watched): string[] {
  const keys = new Set(Object.getOwnPropertyNames(object))
  keys.delete(COVERAGE)
  const changed = [...seen.keys()].filter((key) => !keys.has(key) && seen.delete(key))
  for (const key of keys) {
    const now = Reflect.getOwnPropertyDescriptor(object, key)
    const before = seen.get(key)
    if (!now || (before && isSame(before, now))) continue
    seen.set(key, now)
    if (!before || !isResolved(before, now, key)) changed.push(key)
  }
  return changed
}

const isSame = (before: PropertyDescriptor, now: PropertyDescriptor): boolean =>
  Object.is(before.value, now.value) && before.get === now.get && before.set === now.set

/** Whether a getter of Node, or jest's for one, has only put its value into its own place. */
const isResolved = (before: PropertyDescriptor, now: PropertyDescriptor, key: string): boolean =>
  before.get !== undefined && 'value' in now && Object.is(now.value, Reflect.get(globalThis, key))
