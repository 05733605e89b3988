// Runs in: owner. Pure. Checks the option objects of the public functions, once, before anything is started.
//
// If a misspelled option were ignored, that would be noticed only in production. So an unknown name is an error that
// suggests the nearest known one. The checked options are a copy: changing the object afterwards has no effect.

import { inspect, types } from 'node:util'
import { closestMatch } from 'leven'
import { UsageError } from '../errors.js'

/** Names an option in messages: `of` is the function or class, `option` the option's name ('limits.memory'). */
export interface Site {
  readonly of: string
  readonly option: string
}

/** Takes one option's value, which is not undefined, and returns it or a copy; throws UsageError ERR_INVALID_OPTION. */
export type Check<V = unknown> = (value: unknown, site: Site) => V

/** One check for every option that T has. */
export type Checks<T> = { readonly [K in keyof T & string]-?: Check<Exclude<T[K], undefined>> }

/** A timer of Node takes no longer delay, in milliseconds: a longer one would fire at once. */
export const MAX_MILLISECONDS = 2 ** 31 - 1

/**
 * Checks an options object. Only its own enumerable properties count. A property that is undefined counts as absent.
 *
 * @param where the function or class as users write it, such as 'ForkServer.start()'
 * @param options the object of the user; undefined means no options
 * @param checks the check of every option there is
 * @returns a new object without a prototype, with the options that were given
 * @throws UsageError ERR_INVALID_ARGUMENT if `options` is no object, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION
 * @example
 * const checked = checkOptions<Limits>('new Pool()', limits, { memory: integer(1), cpuSeconds: integer(1) })
 */
export function checkOptions<T extends object>(where: string, options: unknown, checks: Checks<T>): T {
  if (options !== undefined && !isPlainOptions(options)) {
    throw new UsageError('ERR_INVALID_ARGUMENT', `The options of ${where} must be an object, not ${show(options)}.`)
  }
  return checkEach(options ?? {}, checks, where, '')
}

function checkEach<T extends object>(options: object, checks: Checks<T>, of: string, prefix: string): T {
  const checked: Record<string, unknown> = Object.create(null)
  for (const [key, value] of Object.entries(options)) {
    const site = { of, option: `${prefix}${key}` }
    // Own properties only: an option named 'constructor' is unknown, too.
    if (!Object.hasOwn(checks, key)) throw unknownOption(site, prefix, Object.keys(checks))
    if (value !== undefined) checked[key] = (checks as Record<string, Check>)[key]!(value, site)
  }
  return checked as T
}

function unknownOption(site: Site, prefix: string, known: readonly string[]): UsageError {
  const key = site.option.slice(prefix.length)
  // A third of its letters may be wrong, or two, but not all of them.
  const maxDistance = Math.min(Math.max(2, Math.floor(key.length / 3)), key.length - 1)
  const nearest = closestMatch(key, known, { maxDistance })
  const names = known.map((name) => `'${prefix}${name}'`)
  const hint =
    nearest !== undefined
      ? ` Did you mean '${prefix}${nearest}'?`
      : names.length > 0
        ? ` There is ${names.join(', ')}.`
        : ' It takes no options.'
  return new UsageError('ERR_UNKNOWN_OPTION', `Unknown option '${site.option}' of ${site.of}.${hint}`)
}

/**
 * The error of a check that refuses a value.
 *
 * @param site from the check's arguments
 * @param must what it must be, such as 'an integer from 1 to 8'
 * @param given the value
 */
export function invalidOption(site: Site, must: string, given: unknown): UsageError {
  const text = `Option '${site.option}' of ${site.of} must be ${must}, not ${show(given)}.`
  return new UsageError('ERR_INVALID_OPTION', text)
}

/** An integer of a range, both ends included. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Check<number> {
  const must = max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  return (value, site) => {
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
    throw invalidOption(site, must, value)
  }
}

/** A number of bytes, at least `min`. A number that is smaller may have been meant in MiB. */
export function bytes(min: number): Check<number> {
  const must = `a number of bytes, an integer of at least ${min} (1 MiB is 1024 * 1024)`
  return (value, site) => {
    if (Number.isSafeInteger(value) && (value as number) >= min) return value as number
    throw invalidOption(site, must, value)
  }
}

/** A duration in milliseconds, above 0 and at most MAX_MILLISECONDS; fractions are allowed. */
export const milliseconds: Check<number> = (value, site) => {
  if (typeof value === 'number' && value > 0 && value <= MAX_MILLISECONDS) return value
  throw invalidOption(site, `a number of milliseconds above 0 and at most ${MAX_MILLISECONDS}`, value)
}

/** true or false. */
export const boolean: Check<boolean> = (value, site) => {
  if (typeof value === 'boolean') return value
  throw invalidOption(site, 'true or false', value)
}

/** One of some strings, numbers or booleans. */
export function oneOf<const V extends string | number | boolean>(values: readonly V[]): Check<V> {
  const must = values.length === 1 ? inspect(values[0]) : `one of ${values.map((value) => inspect(value)).join(', ')}`
  return (value, site) => {
    if (values.includes(value as V)) return value as V
    throw invalidOption(site, must, value)
  }
}

/** A string that is not empty. No NUL byte either: the kernel ends paths, arguments and addresses there. */
export const string: Check<string> = (value, site) => {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw invalidOption(site, 'a string that is not empty and has no NUL byte', value)
}

/** A string as above, or a URL object. */
export const stringOrUrl: Check<string | URL> = (value, site) => {
  if (value instanceof URL || (typeof value === 'string' && value !== '' && !value.includes('\0'))) return value
  throw invalidOption(site, 'a string or a URL', value)
}

/** An array whose items all pass a check. Returns a frozen copy. */
export function listOf<V>(check: Check<V>): Check<readonly V[]> {
  return (value, site) => {
    if (!Array.isArray(value)) throw invalidOption(site, 'an array', value)
    // Array.from(), because map() would not check the holes of a sparse array.
    const items = Array.from(value as unknown[], (item, index) =>
      check(item, { of: site.of, option: `${site.option}[${index}]` }),
    )
    return Object.freeze(items)
  }
}

/** An object that is neither null nor an array nor a function. Returned as it is. */
export const object: Check<object> = (value, site) => {
  if (isPlainOptions(value)) return value
  throw invalidOption(site, 'an object', value)
}

/** An object of options of its own, checked as by checkOptions(): `limits: nested<Limits>({ memory: integer(1) })`. */
export function nested<T extends object>(checks: Checks<T>): Check<T> {
  return (value, site) => checkEach(object(value, site), checks, site.of, `${site.option}.`)
}

/** An AbortSignal. */
export const abortSignal: Check<AbortSignal> = (value, site) => {
  if (value instanceof AbortSignal) return value
  throw invalidOption(site, 'an AbortSignal', value)
}

/** Environment variables: strings, or undefined for one to be removed. Returns a copy without a prototype. */
export const environment: Check<Record<string, string | undefined>> = (value, site) => {
  const copy: Record<string, string | undefined> = Object.create(null)
  for (const [name, text] of Object.entries(object(value, site))) {
    // The kernel stores 'name=text\0'. With one of these characters in the wrong place it would be another variable.
    if (name === '' || /[=\0]/.test(name))
      throw invalidOption(site, "names that are not empty, without '=' and NUL bytes", name)
    const entry = { of: site.of, option: `${site.option}.${name}` }
    if (text !== undefined && typeof text !== 'string') throw invalidOption(entry, 'a string or undefined', text)
    if (text?.includes('\0')) throw invalidOption(entry, 'a string without NUL bytes', text)
    copy[name] = text
  }
  return copy
}

/** A function of this process, such as a callback. */
export const callback: Check<(...args: never[]) => unknown> = (value, site) => {
  if (typeof value === 'function') return value as (...args: never[]) => unknown
  throw invalidOption(site, 'a function', value)
}

/** An instance of a class; `name` says in messages what it is: `instance(ForkServer, 'a ForkServer')`. */
export function instance<V>(Class: abstract new (...args: never[]) => V, name: string): Check<V> {
  return (value, site) => {
    if (value instanceof Class) return value
    throw invalidOption(site, name, value)
  }
}

/**
 * A value that passes one of some checks. `must` describes it in messages: `either('a string or a
 * number', string, integer(0))`.
 */
export function either<V>(must: string, ...checks: ReadonlyArray<Check<V>>): Check<V> {
  return (value, site) => {
    for (const check of checks) {
      try {
        return check(value, site)
      } catch (refusal) {
        if (!(refusal instanceof UsageError)) throw refusal
      }
    }
    throw invalidOption(site, must, value)
  }
}

/** Anything at all. */
export const anything: Check = (value) => value

function isPlainOptions(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  if (typeof value === 'function' && !types.isProxy(value)) return 'a function'
  return inspect(value, { depth: 0, maxStringLength: 60, maxArrayLength: 3, breakLength: Number.POSITIVE_INFINITY })
}
