// Runs in: owner, template (only to report why a preload failed) and child. Pure. Finds the part of a value that V8
// refused to clone. It runs only after V8 has refused, because V8 names the part but does not say where it is.
import { inspect, types } from 'node:util'
import { UsageError } from '../../errors.js'

/** The largest encoded value, in bytes: about what one system call writes, and less than a Buffer of Node 20 holds. */
export const MAX_VALUE_BYTES = 2 ** 31 - 1

/** The value has more bytes than that. */
export class TooLargeError extends Error {}

const MAX_VISITED = 1_000_000
const MAX_SUSPECTS = 100
const MAX_PATH_STEPS = 20

type Part = { readonly step: string } & ({ readonly value: unknown } | { readonly thrown: unknown })

/**
 * The error for a value that V8 refused.
 *
 * @param name the name of the value in the message
 * @param cause V8's error
 * @param isCloneable tries a part of it
 */
export function refusal(
  value: unknown,
  name: string,
  { cause, isCloneable }: { cause: unknown; isCloneable: (value: unknown) => boolean },
): UsageError {
  if (cause instanceof TooLargeError) {
    const text = `${name} has more than the ${MAX_VALUE_BYTES} bytes that can be sent. Send it in parts, or as a file.`
    return new UsageError('ERR_CANNOT_CLONE', text, { cause })
  }
  const found = findCulprit(value, { cause, isCloneable })
  if (found !== undefined) {
    return new UsageError('ERR_CANNOT_CLONE', `${name}${found.path} ${found.text}`, { cause: found.cause })
  }
  const reason = isStackOverflow(cause) ? 'it is nested too deeply.' : firstLine(cause)
  return new UsageError('ERR_CANNOT_CLONE', `${name} cannot be cloned: ${reason} Pass plain data.`, { cause })
}

type Level = { readonly step: string; readonly parts: Iterator<Part> }
type Culprit = { readonly path: string; readonly text: string; readonly cause: unknown }

/** Walks in V8's order, depth first, so that it finds the part that V8 refused, and not a later one. */
function findCulprit(
  root: unknown,
  { cause, isCloneable }: { cause: unknown; isCloneable: (value: unknown) => boolean },
): Culprit | undefined {
  const suspects: Array<{ path: string; value: object }> = []
  const seen = new Set<unknown>()
  const isTooDeep = isStackOverflow(cause) // then no single object is the reason
  const open: Array<{ step: string; parts: Iterator<Part> }> = [
    { step: '', parts: [{ step: '', value: root }].values() },
  ]
  try {
    for (let visited = 0; open.length > 0 && visited < MAX_VISITED; visited++) {
      const next = open.at(-1)!.parts.next()
      if (next.done === true) {
        open.pop()
        continue
      }
      const part = next.value
      if ('thrown' in part) return { path: pathOf(open, part), text: unreadable(part.thrown), cause: part.thrown }
      const value = part.value
      if (!mayFail(value) || seen.has(value)) continue
      seen.add(value)
      const verdict = judge(value, isCloneable)
      if (verdict === 'no') return { path: pathOf(open, part), text: refused(value), cause }
      if (verdict === 'yes') continue
      if (verdict === 'perhaps' && !isTooDeep) suspects.push({ path: pathOf(open, part), value: value as object })
      if (suspects.length > MAX_SUSPECTS) suspects.shift()
      open.push({ step: part.step, parts: partsOf(value as object) })
    }
    // No part is the reason, so it is an object itself: one of those that may not be what they seem. Innermost first.
    const guilty = suspects.reverse().find((suspect) => !isCloneable(suspect.value))
    return guilty && { path: guilty.path, text: refused(guilty.value), cause }
  } catch {
    return undefined // the value does not let itself be examined; the original error has to do
  }
}

function mayFail(value: unknown): boolean {
  return value !== null && /^(object|function|symbol)$/.test(typeof value)
}

/** Can it be cloned: yes, no, only if its parts can ('walk'), or not even then ('perhaps')? */
function judge(value: unknown, isCloneable: (value: unknown) => boolean): 'yes' | 'no' | 'walk' | 'perhaps' {
  if (typeof value !== 'object' || value === null) return 'no'
  if (types.isProxy(value) || types.isArgumentsObject(value) || types.isModuleNamespaceObject(value)) return 'no'
  if (types.isPromise(value) || types.isGeneratorObject(value)) return 'no'
  if (Array.isArray(value) || types.isMap(value) || types.isSet(value) || types.isNativeError(value)) return 'walk'
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return 'walk'
  const isWhole = ArrayBuffer.isView(value) || types.isBoxedPrimitive(value) || Object.keys(value).length === 0
  return isWhole ? (isCloneable(value) ? 'yes' : 'no') : 'perhaps'
}

function* partsOf(value: object): Generator<Part> {
  if (types.isMap(value)) {
    let index = 0
    for (const [key, item] of Map.prototype.entries.call(value)) {
      yield { step: `.<key ${index}>`, value: key }
      yield { step: mayFail(key) ? `.<value ${index}>` : `.get(${quote(key)})`, value: item }
      index++
    }
  } else if (types.isSet(value)) {
    let index = 0
    for (const item of Set.prototype.values.call(value)) yield { step: `.<item ${index++}>`, value: item }
  } else if (types.isNativeError(value)) {
    // V8 makes strings of these three, so only a symbol in them or a getter that throws can be the reason.
    for (const key of ['name', 'message', 'stack']) {
      const part = read(value, key)
      if ('thrown' in part || typeof part.value === 'symbol') yield part
    }
    if (Object.getOwnPropertyDescriptor(value, 'cause')?.get === undefined) yield read(value, 'cause')
  } else {
    for (const key of Object.keys(value)) yield read(value, key)
  }
}

function read(object: object, key: string): Part {
  const isIndex = Array.isArray(object) && /^\d+$/.test(key)
  const step = isIndex ? `[${key}]` : /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${quote(key)}]`
  try {
    return { step, value: (object as Record<string, unknown>)[key] }
  } catch (thrown) {
    return { step, thrown }
  }
}

function pathOf(open: readonly Level[], part: Part): string {
  const steps = [...open.map((level) => level.step), part.step].filter((step) => step !== '')
  if (steps.length <= MAX_PATH_STEPS) return steps.join('')
  const half = MAX_PATH_STEPS / 2
  return [...steps.slice(0, half), ' ... ', ...steps.slice(-half)].join('')
}

const ADVICE: Readonly<Record<string, string>> = {
  'a detached ArrayBuffer': 'Its memory was transferred away; pass a copy made before that.',
  'a function': 'Pass plain data, and let the child import the function from its module.',
  'a Promise': 'Await it, and pass what it resolves to.',
  'a Proxy': 'Pass a plain copy of what it wraps.',
  'a SharedArrayBuffer': 'Processes share no memory: pass a copy of its bytes.',
}

function refused(value: unknown): string {
  const kind = kindOf(value)
  return `is ${kind}, which cannot be cloned. ${ADVICE[kind] ?? 'Pass plain data, as structuredClone() takes it.'}`
}

function unreadable(thrown: unknown): string {
  return `cannot be read: its getter threw "${firstLine(thrown)}". Pass plain data.`
}

export function kindOf(value: unknown): string {
  if (typeof value === 'function' && !types.isProxy(value)) return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (types.isProxy(value)) return 'a Proxy'
  if (value instanceof MessagePort) return 'a MessagePort' // its own tag says EventTarget
  // A view fails for two reasons. Its size, one of them, was checked before.
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) return 'a detached ArrayBuffer'
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1)
  const maker: unknown = tag === 'Object' ? (value as { constructor?: unknown }).constructor : undefined
  const name = typeof maker === 'function' && maker.name !== '' ? maker.name : tag
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
}

export function isStackOverflow(cause: unknown): boolean {
  return cause instanceof RangeError && cause.message.includes('call stack')
}

export function firstLine(cause: unknown): string {
  const message = types.isNativeError(cause) ? Object.getOwnPropertyDescriptor(cause, 'message')?.value : cause
  return (typeof message === 'string' ? message : quote(cause)).split('\n', 1)[0]!.slice(0, 200)
}

export function quote(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 40, breakLength: Number.POSITIVE_INFINITY, customInspect: false })
}
