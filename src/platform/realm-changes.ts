// Runs in: template and child. What a module changes for all modules of its realm: variables of the environment,
// globals, and the objects of the language behind them. Keys that are symbols do not count: test runners keep their own
// state behind those.

/** Their own properties count, and those of their prototypes. */
const BUILT_INS = [
  ...['AggregateError', 'Array', 'ArrayBuffer', 'BigInt', 'Boolean', 'DataView', 'Date', 'Error', 'Function', 'Intl'],
  ...['Iterator', 'JSON', 'Map', 'Math', 'Number', 'Object', 'Promise', 'Proxy', 'RangeError', 'Reflect', 'RegExp'],
  ...['Set', 'String', 'Symbol', 'SyntaxError', 'TypeError', 'Uint8Array', 'WeakMap', 'WeakRef', 'WeakSet'],
]

/**
 * Globals that packages keep for themselves, such as a registry of zod, and counters of coverage: each instrumented
 * file looks for those and adds to them.
 */
const IS_PRIVATE = /^__/

const isObject = (value: unknown): value is object =>
  typeof value === 'function' || (typeof value === 'object' && value !== null)

interface Watched {
  /** In front of a key: `process.env.`, `Array.prototype.`, or nothing for a global. */
  readonly prefix: string
  /** It is asked for each time: a test may replace process.env as a whole. */
  readonly find: () => object
  readonly seen: Map<string, PropertyDescriptor>
}

/** Finds the changes of one realm. */
export class RealmChanges {
  readonly #watched: Watched[] = []

  /** @param realm its global object, which has a `process` */
  constructor(realm: typeof globalThis) {
    this.#watch('process.env.', () => realm.process.env)
    this.#watch('', () => realm)
    for (const name of BUILT_INS) {
      // A getter would load something of Node.
      const builtIn = Reflect.getOwnPropertyDescriptor(realm, name)?.value as { prototype?: unknown } | undefined
      if (!isObject(builtIn)) continue
      const { prototype } = builtIn
      this.#watch(`${name}.`, () => builtIn)
      if (isObject(prototype)) this.#watch(`${name}.prototype.`, () => prototype)
    }
    this.take()
  }

  #watch(prefix: string, find: () => object): void {
    this.#watched.push({ prefix, find, seen: new Map() })
  }

  /** What has changed since the last call: names such as `process.env.API_KEY` or `Array.prototype.last`. */
  take(): string[] {
    return this.#watched.flatMap((watched) => changesOf(watched).map((key) => watched.prefix + key))
  }
}

function changesOf({ prefix, find, seen }: Watched): string[] {
  const object = find()
  const keys = new Set(Object.getOwnPropertyNames(object).filter((key) => prefix !== '' || !IS_PRIVATE.test(key)))
  const changed: string[] = []
  for (const [key, before] of seen) {
    if (keys.has(key)) continue
    seen.delete(key)
    if (isDefined(before)) changed.push(key)
  }
  for (const key of keys) {
    const now = Reflect.getOwnPropertyDescriptor(object, key)
    const before = seen.get(key)
    if (!now || (before && isSame(before, now))) continue
    seen.set(key, now)
    if (before ? !isResolved(before, now, object, key) : isDefined(now)) changed.push(key)
  }
  return changed
}

const isSame = (before: PropertyDescriptor, now: PropertyDescriptor): boolean =>
  Object.is(before.value, now.value) && before.get === now.get && before.set === now.set

/** Whether there is a value: depd, for example, puts back an Error.prepareStackTrace that was not there. */
const isDefined = ({ value, get }: PropertyDescriptor): boolean => value !== undefined || get !== undefined

/** Whether a getter of Node, or jest's for one, has only put its value into its own place. */
function isResolved(before: PropertyDescriptor, now: PropertyDescriptor, object: object, key: string): boolean {
  if (!before.get || !('value' in now)) return false
  const own: unknown = before.get.call(object)
  Object.defineProperty(object, key, now) // if it was not resolved before, the getter has put its own value there
  return Object.is(own, now.value)
}
