// Runs in: owner, template (only to report why a preload failed) and child. Pure. Carries a thrown error or value from
// one process to another: class, cause, own properties, both stacks.
//
// An error is a graph (causes, errors of an AggregateError, errors in properties; circles are allowed),
// so it travels as a flat list of records that refer to each other by index. Every property is read once,
// in the process that threw, and each read may fail: a report must be possible for any thrown value, also
// one with getters that throw or with Proxies.

import { inspect, types } from 'node:util'
import * as forkserverErrors from '../../errors.js'
import { decodeValue, encodeValue } from './clone.js'

// Limits, so that a report of any thrown value can be sent, even if the value is huge or endless.
const MAX_ERRORS = 10_000
const MAX_FIELDS = 100_000
const MAX_PROTOTYPES = 100
const MAX_TEXT_LENGTH = 16 * 2 ** 20
const MAX_REPORT_BYTES = 256 * 2 ** 20
const SHORT_TEXT_LENGTH = 100 // once the report is full

/** One value: an index into the list of errors, an encoded value, a list of values, or a primitive as it is. */
type Slot =
  | { readonly error: number }
  | { readonly bytes: Uint8Array }
  | { readonly list: readonly Slot[] }
  | { readonly plain: unknown }

interface ErrorRecord {
  readonly class: string
  readonly name: string
  readonly message: string
  readonly stack: string
  /** Own properties: key, value, enumerable. */
  readonly fields: ReadonlyArray<readonly [key: string, value: Slot, isEnumerable: boolean]>
}

/** The result of encodeThrown(), for decodeThrown(): plain data, which encodeValue() never refuses. */
export interface ThrownData {
  readonly root: Slot
  readonly errors: readonly ErrorRecord[]
}

/** How decodeThrown() words the stack. */
export interface DecodeThrownOptions {
  /** The stack of the owner's call that led to the error. Its frames follow those of the child. */
  readonly ownerStack?: string | undefined
  /** Where the error was thrown, for the line between the two stacks; default 'child'. */
  readonly where?: string | undefined
}

type ErrorConstructor = { readonly prototype: object } & (new (...args: never[]) => object)
// Classes that exist on both sides. DOMException is no Error to V8 before Node 22, but its prototype says it is one.
const CLASSES = new Map<string, ErrorConstructor>()
const BUILT_IN =
  'Error TypeError RangeError SyntaxError ReferenceError EvalError URIError AggregateError SuppressedError DOMException'
for (const name of [...BUILT_IN.split(' '), ...Object.keys(forkserverErrors)]) {
  const Class = (name in forkserverErrors ? forkserverErrors : globalThis)[name as never] as unknown
  if (typeof Class === 'function') CLASSES.set(name, Class as ErrorConstructor)
}
const CLASS_NAMES = new Map<unknown, string>([...CLASSES].map(([name, Class]) => [Class.prototype, name]))

// Properties of built-in errors that are copied although they are not enumerable.
const HIDDEN_FIELDS = new Set(['message', 'name', 'code', 'cause', 'errors', 'error', 'suppressed'])
// Properties that a class may define by a getter of its prototype. They become own properties of the error.
const INHERITED_FIELDS = ['code', 'cause']

/**
 * Describes anything that was thrown. Never throws.
 *
 * Of an error it keeps the nearest class that both sides know (see decodeThrown), name, message, stack, code, cause,
 * errors, error, suppressed, and all own enumerable properties named by strings; errors among those, and in their
 * arrays, are kept as errors. A property that cannot be cloned becomes the text that util.inspect() shows. A value that
 * is no error is cloned. If it cannot be cloned, as a function, it becomes such a text.
 *
 * @param thrown the value that a catch clause caught, or that a promise was rejected with
 * @returns plain data for encodeValue() and decodeThrown()
 */
export function encodeThrown(thrown: unknown): ThrownData {
  try {
    return new Encoder().encode(thrown)
  } catch {
    const text = textOf(thrown)
    const record: ErrorRecord = { class: 'Error', name: 'Error', message: text, stack: `Error: ${text}`, fields: [] }
    return { root: { error: 0 }, errors: [record] }
  }
}

class Encoder {
  readonly #indexes = new Map<object, number>()
  #bytes = 0
  #fieldCount = 0

  encode(thrown: unknown): ThrownData {
    const root = this.#slot(thrown)
    const errors: ErrorRecord[] = []
    // The map grows while it is walked. It is a queue, so that a chain of ten thousand causes needs no deep stack.
    for (const error of this.#indexes.keys()) errors.push(this.#record(error))
    return { root, errors }
  }

  #slot(value: unknown): Slot {
    // Only the outermost array is taken apart: enough for AggregateError.errors, and it cannot be a circle.
    const items = attempt(() => itemsOf(value)) ?? []
    const hasErrors = items.some((item) => classOf(item) !== undefined)
    return hasErrors ? { list: items.map((item) => this.#single(item)) } : this.#single(value)
  }

  #single(value: unknown): Slot {
    if (typeof value === 'string') return { plain: this.#text(value) }
    if (typeof value === 'function' || typeof value === 'symbol') return { plain: this.#text(textOf(value)) }
    if (typeof value !== 'object' || value === null) return { plain: value }
    const known = this.#indexes.get(value)
    if (known !== undefined) return { error: known }
    if (classOf(value) !== undefined && this.#indexes.size < MAX_ERRORS) {
      this.#indexes.set(value, this.#indexes.size)
      return { error: this.#indexes.size - 1 }
    }
    const bytes = attempt(() => {
      const encoded = encodeValue(value, 'thrown')
      decodeValue(encoded) // V8 writes some values that it cannot read back; find them here
      return encoded
    })
    if (bytes === undefined || this.#bytes + bytes.length > MAX_REPORT_BYTES) {
      return { plain: this.#text(textOf(value)) }
    }
    this.#bytes += bytes.length
    return { bytes }
  }

  #text(text: string): string {
    this.#bytes += 2 * text.length
    return clip(text, this.#bytes > MAX_REPORT_BYTES ? SHORT_TEXT_LENGTH : MAX_TEXT_LENGTH)
  }

  #string(read: () => unknown, fallback: string): string {
    const value = attempt(read)
    return typeof value === 'string' ? this.#text(value) : fallback
  }

  #record(error: object): ErrorRecord {
    const className = classOf(error) ?? 'Error'
    const name = this.#string(() => get(error, 'name'), className)
    const message = this.#string(() => get(error, 'message'), '')
    const stack = this.#string(() => get(error, 'stack'), message === '' ? name : `${name}: ${message}`)
    return { class: className, name, message, stack, fields: this.#fields(error, className) }
  }

  #fields(error: object, className: string): ErrorRecord['fields'] {
    const fields: Array<readonly [string, Slot, boolean]> = []
    for (const key of attempt(() => Reflect.ownKeys(error)) ?? []) {
      if (typeof key !== 'string' || key === 'stack') continue
      const isEnumerable = attempt(() => Object.getOwnPropertyDescriptor(error, key)?.enumerable) === true
      if (!isEnumerable && !HIDDEN_FIELDS.has(key)) continue
      if (++this.#fieldCount > MAX_FIELDS) break
      const value = attempt(
        () => get(error, key),
        (thrown) => `[cannot be read: ${textOf(thrown)}]`,
      )
      fields.push([key, this.#slot(value), isEnumerable])
    }
    for (const key of INHERITED_FIELDS) {
      if (fields.some(([own]) => own === key) || key in (CLASSES.get(className)?.prototype ?? {})) continue
      const value = attempt(() => get(error, key))
      if (value !== undefined && typeof value !== 'function') fields.push([key, this.#slot(value), false])
    }
    return fields
  }
}

function attempt<T>(read: () => T, otherwise?: (thrown: unknown) => T): T | undefined {
  try {
    return read()
  } catch (thrown) {
    return otherwise?.(thrown)
  }
}

function get(object: object, key: string): unknown {
  return (object as Record<string, unknown>)[key]
}

/** The items of an array that is not too long. They are read by index, because its methods may have been replaced. */
function itemsOf(value: unknown): unknown[] {
  const length = Array.isArray(value) ? value.length : 0 // even isArray() throws, for a revoked Proxy
  return length > MAX_ERRORS ? [] : Array.from({ length }, (_, index) => (value as unknown[])[index])
}

/** The nearest class in CLASSES of an error, or undefined for everything else. A Proxy of an error counts as one. */
function classOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const isNative = types.isNativeError(value)
  try {
    let foreign: string | undefined
    let prototype: unknown = Object.getPrototypeOf(value)
    // Not instanceof: a Proxy may have an endless chain of prototypes.
    for (let depth = 0; prototype !== null && depth < MAX_PROTOTYPES; depth++) {
      const name = CLASS_NAMES.get(prototype)
      if (name !== undefined) return name
      // An error of another realm (node:vm) has the TypeError of that realm. Its name shows which class it is.
      const own: unknown = isNative ? Object.getOwnPropertyDescriptor(prototype, 'name')?.value : undefined
      if (typeof own === 'string' && CLASSES.has(own)) foreign ??= own
      prototype = Object.getPrototypeOf(prototype)
    }
    return foreign ?? (isNative ? 'Error' : undefined)
  } catch {
    return isNative ? 'Error' : undefined
  }
}

function textOf(value: unknown): string {
  try {
    // No custom inspection, because it is code of the user, and may throw or never end.
    return clip(inspect(value, { customInspect: false, breakLength: 120 }), MAX_TEXT_LENGTH)
  } catch {
    return `[a ${typeof value} that cannot be shown]`
  }
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}... (${text.length - length} more characters)`
}

/**
 * Rebuilds what encodeThrown() described.
 *
 * An error comes back as an instance of the nearest class that both sides have: the built-in ones, DOMException, and
 * forkserver's own. `class Missing extends TypeError` comes back as a TypeError whose name is still what it was. No
 * constructor of yours is run. The stack of the outermost error is the child's, one line that says where, and the
 * owner's frames; the stacks below it (causes) are the child's alone.
 *
 * @param data what encodeThrown() returned
 * @param options the owner's side of the stack
 * @returns the error, or the value that was thrown
 * @throws ProtocolError ERR_PROTOCOL for data that encodeThrown() did not make
 * @example
 * const data = encodeThrown(new RangeError('too far', { cause: 7 }))
 * throw decodeThrown(data, { ownerStack: new Error().stack, where: 'child 815' })
 */
export function decodeThrown(data: ThrownData, options: DecodeThrownOptions = {}): unknown {
  try {
    const outermost = 'error' in data.root ? data.root.error : undefined
    const errors = data.errors.map((record, index) =>
      build(record, index === outermost ? joinStacks(record.stack, options) : record.stack),
    )
    for (const [index, record] of data.errors.entries()) fill(errors[index]!, record, errors)
    return resolve(data.root, errors)
  } catch (cause) {
    throw new forkserverErrors.ProtocolError(
      'ERR_PROTOCOL',
      'The child described an error in a way that cannot be read.',
      { cause },
    )
  }
}

function build(record: ErrorRecord, stack: string): object {
  const isDom = record.class === 'DOMException'
  // A real error (it has the internal slot that inspect and loggers look for) that skips the constructor of its class.
  const error: object = isDom
    ? new DOMException(record.message, record.name)
    : Reflect.construct(Error, [], CLASSES.get(record.class) ?? Error)
  // Set first: Node 20 formats the old stack when it is replaced, and calls toString() of `name` for that.
  define(error, 'stack', stack, false)
  return error
}

function fill(error: object, record: ErrorRecord, errors: readonly object[]): void {
  for (const [key, slot, isEnumerable] of record.fields) define(error, key, resolve(slot, errors), isEnumerable)
  // If the original inherited this from a class that does not exist here, it becomes an own property.
  for (const key of ['name', 'message'] as const) {
    if (!Object.hasOwn(error, key) && (error as Error)[key] !== record[key]) define(error, key, record[key], false)
  }
}

function define(error: object, key: string, value: unknown, isEnumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable: isEnumerable, writable: true, configurable: true })
}

function resolve(slot: Slot, errors: readonly object[]): unknown {
  if ('list' in slot) return slot.list.map((item) => resolve(item, errors))
  if ('plain' in slot) return slot.plain
  if ('bytes' in slot) {
    try {
      return decodeValue(slot.bytes)
    } catch (thrown) {
      return `[cannot be rebuilt: ${textOf(thrown)}]` // written by a newer Node; the rest of the error is kept
    }
  }
  const error = errors[slot.error]
  if (error === undefined) throw new RangeError(`No error ${slot.error} of ${errors.length}.`)
  return error
}

function joinStacks(childStack: string, options: DecodeThrownOptions): string {
  const frames = (options.ownerStack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  if (frames.length === 0) return childStack
  // It looks like a frame, so that tools which cut a stack at the first odd line keep the rest. It names no file and no
  // line, so that tools which parse frames skip it.
  return [childStack, `    at ---- in ${options.where ?? 'child'}, called from ----`, ...frames].join('\n')
}
