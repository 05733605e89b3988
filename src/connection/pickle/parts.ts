// Runs in: owner and child. Which kind of container a value is for a pickle, which parts it has, and the errors for
// values that cannot be written. Pure.

import { types } from 'node:util'
import { UsageError } from '../../errors.js'
import { firstLine, kindOf, quote } from '../../wire/values/clone-refusal.js'
import { ByteArray, Float, FrozenSet, Tuple } from './types.js'

/** The Python type that a container becomes. */
export type ContainerKind = 'list' | 'tuple' | 'dict' | 'set' | 'frozenset'

/** A container that is being written. */
export interface OpenContainer {
  readonly value: object
  readonly kind: ContainerKind
  /** Whether it is a key of a dict or an item of a set, or inside one. There Python accepts only immutable values. */
  readonly isKey: boolean
  /**
   * The items in order. For a dict, keys and values alternate. For a plain object only the keys: each value is read
   * when it is written.
   */
  readonly parts: readonly unknown[]
  /** The number of parts when writing began. Otherwise an Array that its own getters make longer would never end. */
  readonly count: number
  /** Whether it is a plain object. */
  readonly isObject: boolean
  /** How many parts were written. */
  written: number
}

/** The kind and the parts of an object. Undefined if Python has no counterpart. */
export function partsOf(value: object, isKey: boolean): Pick<OpenContainer, 'kind' | 'parts' | 'isObject'> | undefined {
  if (Array.isArray(value)) {
    return { kind: isKey || value instanceof Tuple ? 'tuple' : 'list', parts: value, isObject: false }
  }
  if (types.isSet(value)) {
    const parts = [...Set.prototype.values.call(value)]
    return { kind: isKey || value instanceof FrozenSet ? 'frozenset' : 'set', parts, isObject: false }
  }
  if (isKey) return undefined
  if (types.isMap(value)) {
    const parts: unknown[] = []
    Map.prototype.forEach.call(value, (item, key) => parts.push(key, item))
    return { kind: 'dict', parts, isObject: false }
  }
  return isPlain(value) ? { kind: 'dict', parts: Object.keys(value), isObject: true } : undefined
}

/** Whether an object is a plain one, as `{}` makes it, of any realm. It has no prototype, or its prototype has none. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * Finds two keys that are equal in Python, where `1`, `1.0` and `True` are equal, and so are ints and floats of the
 * same value. Undefined if there are none. Keys that are arrays, sets or bytes are not compared.
 */
export function findEqualKeys(keys: readonly unknown[]): readonly [unknown, unknown] | undefined {
  if (!keys.some((key) => typeof key === 'boolean' || typeof key === 'bigint' || key instanceof Float)) return undefined
  const seen = new Map<unknown, unknown>()
  for (const key of keys) {
    const inPython = typeof key === 'object' && !(key instanceof Float) ? key : asPythonKey(key)
    if (seen.has(inPython)) return [seen.get(inPython), key]
    seen.set(inPython, key)
  }
  return undefined
}

function asPythonKey(key: unknown): unknown {
  if (typeof key === 'boolean' || key instanceof Float) return Number(key)
  if (typeof key !== 'bigint') return key
  const number = Number(key)
  return Number.isFinite(number) && BigInt(number) === key ? number : key
}

const MAX_PATH_STEPS = 20

/** The path of a part, such as 'value.users[3].name'. */
export function pathOf(open: readonly OpenContainer[]): string {
  const steps = open.map(stepOf)
  if (steps.length <= MAX_PATH_STEPS) return `value${steps.join('')}`
  const half = MAX_PATH_STEPS / 2
  return `value${[...steps.slice(0, half), ' ... ', ...steps.slice(-half)].join('')}`
}

/** The last step of the path, to the part that was written last. */
function stepOf({ value, kind, parts, isObject, written }: OpenContainer): string {
  const index = written - 1
  if (kind === 'list' || kind === 'tuple') return `[${index}]`
  if (kind === 'set' || kind === 'frozenset') return `.<item ${index}>`
  if (isObject) {
    const key = parts[index] as string
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${quote(key)}]`
  }
  if (!types.isMap(value) || index % 2 === 0) return `.<key ${index >> 1}>`
  const key = parts[index - 1]
  return typeof key === 'object' && key !== null ? `.<value ${index >> 1}>` : `.get(${quote(key)})`
}

const ADVICE: Readonly<Record<string, string>> = {
  'a function': 'Python cannot run it: pass plain data.',
  'a symbol': 'Pass its description.',
  'a Date': 'Pass its getTime() or its toISOString().',
  'a Promise': 'Await it, and pass what it resolves to.',
  'a detached array': 'Its memory was transferred away. Pass a copy that was made before.',
}
const ADVICE_TYPED = 'Pass a Uint8Array of its memory (bytes in Python), or Array.from() of it (a list).'
const ADVICE_KEY =
  'Python accepts only immutable keys: use strings, numbers, bigints, ' +
  'booleans, null, Uint8Arrays, or Arrays and Sets of those.'
const ADVICE_ANY =
  'Pass plain data: null, booleans, numbers, bigints, strings, Uint8Arrays, Arrays, Sets, Maps and plain objects.'

/** The error for a value that cannot be written. */
export function refusal(open: readonly OpenContainer[], value: unknown, isKey: boolean): UsageError {
  const kind = nameOf(value)
  const isContainer = typeof value === 'object' && value !== null && (types.isMap(value) || isPlain(value))
  const text =
    isKey && (isContainer || types.isUint8Array(value))
      ? `is ${kind} in a key, which no key of Python can have. ${ADVICE_KEY}`
      : `is ${kind}, which cannot be pickled. ` +
        `${ADVICE[kind] ?? (ArrayBuffer.isView(value) ? ADVICE_TYPED : ADVICE_ANY)}`
  return cannotPickle(open, text)
}

function nameOf(value: unknown): string {
  if (ArrayBuffer.isView(value)) {
    if (types.isUint8Array(value) && value.length === 0) return 'a detached array'
    const name =
      value instanceof ByteArray ? 'ByteArray' : Object.prototype.toString.call(value).slice('[object '.length, -1)
    return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
  }
  return types.isAnyArrayBuffer(value) ? 'an ArrayBuffer' : kindOf(value)
}

/** The error for the part that was being written. `text` continues the sentence after its path. */
export function cannotPickle(open: readonly OpenContainer[], text: string, cause?: unknown): UsageError {
  return new UsageError('ERR_CANNOT_CLONE', `${pathOf(open)} ${text}`, { cause })
}

/** The error for a part whose getter threw. */
export function unreadable(open: readonly OpenContainer[], cause: unknown): UsageError {
  return cannotPickle(open, `cannot be read: it threw "${firstLine(cause)}". Pass plain data.`, cause)
}
