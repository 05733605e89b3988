// Runs in: owner, template (only to report why a preload failed) and child. Turns arguments, results and what was thrown
// into bytes and back, as structured clones.
//
// V8's own serializer does the work. Two things are ours. Array views: node:v8 hands out views into the bytes it reads,
// so a decoded 10-byte Buffer would keep, and could reach into, a whole message; here every view has memory of its own.
// Errors: V8 says "b(){} could not be cloned" and not where, so only after it failed we walk the value to find out.

import { Buffer } from 'node:buffer' // a program may delete the global one
import { inspect, types } from 'node:util'
import { Deserializer, Serializer } from 'node:v8'
import { ProtocolError, UsageError } from './errors.js'

/** The largest encoded value, in bytes: about what one system call writes, and less than a Buffer of Node 20 holds. */
export const MAX_VALUE_BYTES = 2 ** 31 - 1

// The order is the wire format: a view is written as its place in this list. Append only.
const VIEW_CLASSES: readonly string[] = (
  'Buffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array ' +
  'Float32Array Float64Array BigInt64Array BigUint64Array Float16Array'
).split(' ')

type ViewConstructor = { readonly BYTES_PER_ELEMENT?: number } & (new (
  memory: ArrayBuffer,
  byteOffset: number,
  length: number,
) => object)

// Unlike `constructor`, which a value can forge, this getter reads the internal slot. It works across realms too.
const viewNameOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as (this: unknown) => string | undefined

class TooLargeError extends Error {}

class ValueSerializer extends Serializer {
  #viewBytes = 0
  declare private _setTreatArrayBufferViewsAsHostObjects: (on: boolean) => void

  constructor() {
    super()
    // Without it V8 writes the whole ArrayBuffer under a view: for a small Buffer that is Node's 8 KiB pool, with
    // whatever else lies in there.
    this._setTreatArrayBufferViewsAsHostObjects(true)
  }

  /** Called by V8 for every view, and for objects that C++ made (MessagePort, KeyObject), which we refuse. */
  _writeHostObject(view: object): void {
    if (!ArrayBuffer.isView(view)) throw new Error(`${kindOf(view)} could not be cloned.`)
    const name = Buffer.isBuffer(view) ? 'Buffer' : (viewNameOf.call(view) ?? 'DataView')
    const kind = VIEW_CLASSES.indexOf(name)
    if (kind < 0) throw new Error(`${name} could not be cloned.`)
    // Before the copy: a length above 32 bits would be written cut short, and its bytes read as something else.
    this.#viewBytes += view.byteLength
    if (this.#viewBytes > MAX_VALUE_BYTES) throw new TooLargeError(`${this.#viewBytes} bytes`)
    this.writeUint32(kind)
    this.writeUint32(view.byteLength)
    this.writeRawBytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }
}

class ValueDeserializer extends Deserializer {
  /** Called by V8 for what _writeHostObject wrote. */
  _readHostObject(): object {
    const name = VIEW_CLASSES[this.readUint32()]
    const bytes = this.readRawBytes(this.readUint32())
    if (name === 'Buffer') return Buffer.from(bytes)
    const View = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[name ?? '']
    if (View === undefined)
      throw new Error(`${name ?? 'This kind of array'} does not exist in Node ${process.version}.`)
    return new View(new Uint8Array(bytes).buffer, 0, bytes.length / (View.BYTES_PER_ELEMENT ?? 1))
  }
}

/**
 * Writes a value as a structured clone: what structuredClone() keeps is kept (Map, Set, Date, RegExp, BigInt, cycles,
 * sparse arrays, -0, NaN, boxed primitives, ArrayBuffer, errors with name, message, stack and cause), and Buffers stay
 * Buffers. Of a typed array its own elements are written, not the memory around it, so two views of one ArrayBuffer arrive
 * apart; a view of a SharedArrayBuffer arrives as a copy. Class instances arrive as plain objects with their own
 * enumerable properties, and properties named by symbols do not arrive, as with structuredClone().
 *
 * @param value anything; its getters are run
 * @param name what the value is called in errors, such as 'arguments'
 * @returns the bytes, at most MAX_VALUE_BYTES of them
 * @throws UsageError ERR_CANNOT_CLONE, with the path of the part that cannot be cloned, and the original error as cause
 * @example
 * encodeValue([{ a: { b() {} } }], 'arguments') // "arguments[0].a.b is a function, which cannot be cloned. ..."
 */
export function encodeValue(value: unknown, name: string): Buffer {
  try {
    return serialize(value)
  } catch (cause) {
    throw refusal(value, name, cause)
  }
}

function serialize(value: unknown): Buffer {
  const serializer = new ValueSerializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  const bytes = serializer.releaseBuffer()
  if (bytes.length > MAX_VALUE_BYTES) throw new TooLargeError(`${bytes.length} bytes`)
  return bytes
}

/**
 * Reads what encodeValue() wrote. Nothing in the result shares memory with `bytes`, which may be reused at once.
 *
 * @param bytes exactly one encoded value
 * @returns the clone
 * @throws ProtocolError ERR_PROTOCOL for bytes that are no encoded value, or more than one
 * @throws UsageError ERR_CANNOT_CLONE for a value that could be written but cannot be rebuilt here
 */
export function decodeValue(bytes: Uint8Array): unknown {
  const deserializer = new ValueDeserializer(bytes)
  try {
    deserializer.readHeader()
  } catch (cause) {
    throw new ProtocolError('ERR_PROTOCOL', `These ${bytes.length} bytes are not an encoded value.`, { cause })
  }
  let value: unknown
  try {
    value = deserializer.readValue()
  } catch (cause) {
    if (isStackOverflow(cause)) throw new UsageError('ERR_CANNOT_CLONE', 'The value is nested too deeply.', { cause })
    const text =
      `The value cannot be rebuilt: ${firstLine(cause)} V8 writes two things that it cannot read back: ` +
      'a WebAssembly.Module and, before Node 22, an error whose causes form a circle.'
    throw new UsageError('ERR_CANNOT_CLONE', text, { cause })
  }
  // The deserializer has no "where am I"; an empty view of what comes next tells.
  const surplus = bytes.byteLength - (deserializer.readRawBytes(0).byteOffset - bytes.byteOffset)
  if (surplus !== 0) throw new ProtocolError('ERR_PROTOCOL', `An encoded value is followed by ${surplus} more bytes.`)
  return value
}

// Everything below runs only after V8 refused a value.
const MAX_VISITED = 1_000_000
const MAX_SUSPECTS = 100
const MAX_PATH_STEPS = 20

type Part = { readonly step: string } & ({ readonly value: unknown } | { readonly thrown: unknown })

function refusal(value: unknown, name: string, cause: unknown): UsageError {
  if (cause instanceof TooLargeError) {
    const text = `${name} has more than the ${MAX_VALUE_BYTES} bytes that can be sent. Send it in parts, or as a file.`
    return new UsageError('ERR_CANNOT_CLONE', text, { cause })
  }
  const found = findCulprit(value, cause)
  if (found !== undefined) {
    return new UsageError('ERR_CANNOT_CLONE', `${name}${found.path} ${found.text}`, { cause: found.cause })
  }
  const reason = isStackOverflow(cause) ? 'it is nested too deeply.' : firstLine(cause)
  return new UsageError('ERR_CANNOT_CLONE', `${name} cannot be cloned: ${reason} Pass plain data.`, { cause })
}

type Level = { readonly step: string; readonly parts: Iterator<Part> }
type Culprit = { readonly path: string; readonly text: string; readonly cause: unknown }

/** Walks in V8's order, depth first, so that it finds the part V8 stumbled over, not a later one. */
function findCulprit(root: unknown, cause: unknown): Culprit | undefined {
  const suspects: Array<{ path: string; value: object }> = []
  const seen = new Set<unknown>()
  const isTooDeep = isStackOverflow(cause) // then no single object is to blame
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
      const verdict = judge(value)
      if (verdict === 'no') return { path: pathOf(open, part), text: refused(value), cause }
      if (verdict === 'yes') continue
      if (verdict === 'perhaps' && !isTooDeep) suspects.push({ path: pathOf(open, part), value: value as object })
      if (suspects.length > MAX_SUSPECTS) suspects.shift()
      open.push({ step: part.step, parts: partsOf(value as object) })
    }
    // No part is to blame, so an object itself is: one of those that may be more than they look. Innermost first.
    const guilty = suspects.reverse().find((suspect) => !isCloneable(suspect.value))
    return guilty && { path: guilty.path, text: refused(guilty.value), cause }
  } catch {
    return undefined // the value fights back; the original error must do
  }
}

function mayFail(value: unknown): boolean {
  return value !== null && /^(object|function|symbol)$/.test(typeof value)
}

/** Can it be cloned: yes, no, only if its parts can ('walk'), or not even then ('perhaps')? */
function judge(value: unknown): 'yes' | 'no' | 'walk' | 'perhaps' {
  if (typeof value !== 'object' || value === null) return 'no'
  if (types.isProxy(value) || types.isArgumentsObject(value) || types.isModuleNamespaceObject(value)) return 'no'
  if (types.isPromise(value) || types.isGeneratorObject(value)) return 'no'
  if (Array.isArray(value) || types.isMap(value) || types.isSet(value) || types.isNativeError(value)) return 'walk'
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return 'walk'
  const isWhole = ArrayBuffer.isView(value) || types.isBoxedPrimitive(value) || Object.keys(value).length === 0
  return isWhole ? (isCloneable(value) ? 'yes' : 'no') : 'perhaps'
}

function isCloneable(value: unknown): boolean {
  try {
    serialize(value)
    return true
  } catch {
    return false
  }
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
    // V8 makes strings of these three, so only a symbol in them or a getter that throws can be to blame.
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
  // A view fails for two reasons, and one of them, its size, was dealt with before anyone asked.
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) return 'a detached ArrayBuffer'
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1)
  const maker: unknown = tag === 'Object' ? (value as { constructor?: unknown }).constructor : undefined
  const name = typeof maker === 'function' && maker.name !== '' ? maker.name : tag
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
}

function isStackOverflow(cause: unknown): boolean {
  return cause instanceof RangeError && cause.message.includes('call stack')
}

export function firstLine(cause: unknown): string {
  const message = types.isNativeError(cause) ? Object.getOwnPropertyDescriptor(cause, 'message')?.value : cause
  return (typeof message === 'string' ? message : quote(cause)).split('\n', 1)[0]!.slice(0, 200)
}

export function quote(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 40, breakLength: Number.POSITIVE_INFINITY, customInspect: false })
}
