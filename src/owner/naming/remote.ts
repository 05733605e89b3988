// Runs in: owner. Pure. Names functions of modules, with their types.
//
// A function cannot be sent to another process; its name can. A reference is such a name, made from the module's type,
// so that the compiler checks the name, the arguments and the result, and no string is written by hand.

import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { UsageError } from '../../errors.js'
import type { Program } from './program-reference.js'

/** Any function: `never` parameters, because every parameter list is assignable to them. */
export type AnyFunction = (...args: never[]) => unknown

/** A function of which no type is known. */
export type UnknownFunction = (...args: readonly unknown[]) => unknown

// Exists for the compiler only: it makes References of different function types different types.
declare const FUNCTION: unique symbol

/**
 * Names an exported function of a module. Made by remote().
 *
 * @example
 * const render: Reference<(page: string) => Promise<string>> = remote<typeof import('./jobs.js')>(jobsUrl).render
 */
export interface Reference<F extends AnyFunction = AnyFunction> {
  /** URL of the module, or the bare specifier that was given. */
  readonly module: string
  /** Name of the export; 'default' for the default export. */
  readonly name: string
  /** Exists for the compiler only. */
  readonly [FUNCTION]: F
}

/** The parameters of the function that R refers to, as a tuple; for a program, the strings of its command line. */
export type ArgumentsOf<R extends Reference | Program> =
  R extends Reference<infer F> ? Parameters<F> : R extends Program ? readonly string[] : never

/**
 * The result of the function that R refers to. If it returns a promise, the value of the promise;
 * for a program, undefined.
 */
export type ResultOf<R extends Reference | Program> =
  R extends Reference<infer F> ? Awaited<ReturnType<F>> : R extends Program ? undefined : never

// `then` would make it a promise to `await`, and `module` is the module's own name.
type Reserved = 'then' | 'module'

/** The references to the functions that a module of type T exports, by name, and the module itself. */
export type Remote<T> = {
  /** The URL of the module, or the name of its package: for the option `preload`. */
  readonly module: string
} & {
  readonly [K in keyof T as T[K] extends AnyFunction ? Exclude<K, Reserved> : never]: T[K] extends AnyFunction
    ? Reference<T[K]>
    : never
}

class FunctionReference {
  // Cannot be forged: an object that merely looks like a reference is not one.
  readonly #isReference = true
  readonly module: string
  readonly name: string

  constructor(module: string, name: string) {
    this.module = module
    this.name = name
    Object.freeze(this)
  }

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #isReference in value && value.#isReference
  }

  /** For messages: `file:///app/jobs.js#render`. */
  toString(): string {
    return `${this.module}#${this.name}`
  }
}

/** Is the value a reference that remote() made? Its clone in another process is not: it is plain { module, name }. */
export function isReference(value: unknown): value is Reference {
  return FunctionReference.is(value)
}

/**
 * Typed references to the functions that a module exports. The module is not loaded, so its exports are not known here:
 * every name gives a reference. If there is no such export, the child fails with ERR_NOT_EXPORTED.
 *
 * Exports named `then` and `module` cannot be reached; export them under another name as well. The default export is
 * `remote(...).default`. The same name always gives the same frozen reference.
 *
 * @param module a URL object, a 'file:', 'node:' or 'data:' URL, an absolute path, or a package's name; not a relative
 *   path, because remote() does not know which file it is relative to
 * @returns the references; `module` is the URL, or the package's name, for `preload`
 * @throws UsageError ERR_INVALID_ARGUMENT
 * @example
 * const jobs = remote<typeof import('./jobs.js')>(new URL('./jobs.js', import.meta.url))
 * const html = await pool.run(jobs.render, [page])
 *
 * @example
 * // Without the module's type, any name is a function that takes anything; its result is unknown.
 * const { resize } = remote('/app/images.js')
 */
export function remote<T = Readonly<Record<string, UnknownFunction>>>(module: string | URL): Remote<T> {
  const specifier = normalise(module)
  const references = new Map<string, FunctionReference>()
  const handler: ProxyHandler<object> = {
    get(_target, key) {
      if (key === 'module') return specifier
      // `await`, and a promise that is resolved with this object, look for `then`. They must not find one.
      if (typeof key !== 'string' || key === 'then') return undefined
      let reference = references.get(key)
      if (reference === undefined) {
        reference = new FunctionReference(specifier, key)
        references.set(key, reference)
      }
      return reference
    },
  }
  // inspect() shows the target. It is frozen, so that an assignment throws.
  const remoteModule = new Proxy(Object.freeze({ __proto__: null, module: specifier }), handler)
  REMOTES.add(remoteModule)
  return remoteModule as Remote<T>
}

/** All objects that remote() made. */
const REMOTES = new WeakSet<object>()

/** Is the value the references to a module, as remote() returns them? */
export function isRemote(value: unknown): boolean {
  return typeof value === 'object' && value !== null && REMOTES.has(value)
}

function normalise(module: unknown): string {
  if (module instanceof URL) return urlOf(module)
  if (typeof module !== 'string' || module === '') {
    throw invalid(`a module is a URL or a string, not ${inspect(module, { depth: 0 })}.`)
  }
  // Before the test for a scheme: on Windows 'C:\\jobs.js' looks as if it had one.
  if (isAbsolute(module)) return pathToFileURL(module).href
  if (/^[./#]|^[.]{1,2}$/.test(module)) {
    const fix = module.startsWith('#') ? `import.meta.resolve('${module}')` : `new URL('${module}', import.meta.url)`
    throw invalid(`'${module}' is relative, and forkserver does not know to which file. Pass ${fix}.`)
  }
  if (/^file:(?!\/\/)/i.test(module)) throw invalid(`'${module}' is no absolute file URL; those begin with 'file:///'.`)
  if (!/^[a-z][a-z\d+.-]*:/i.test(module)) return module
  if (!URL.canParse(module)) throw invalid(`'${module}' is not a valid URL.`)
  return urlOf(new URL(module))
}

function urlOf(url: URL): string {
  if (url.protocol === 'node:' || url.protocol === 'data:') return url.href
  if (url.protocol !== 'file:') throw invalid(`'${url.href}' cannot be imported; pass a file:, node: or data: URL.`)
  try {
    fileURLToPath(url)
  } catch (cause) {
    throw invalid(`'${url.href}' names no file on this machine.`, cause) // it has a host, or an encoded slash
  }
  return url.href
}

function invalid(text: string, cause?: unknown): UsageError {
  return new UsageError('ERR_INVALID_ARGUMENT', `remote(): ${text}`, cause === undefined ? undefined : { cause })
}
