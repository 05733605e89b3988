// Runs in: owner, template (only to report why a preload failed) and child. Pure. Turns arguments, results and errors
// into bytes and back, as structured clones.
//
// V8's own serializer does the work, with two additions. Array views: node:v8 returns views into the bytes that it
// reads, so a decoded 10-byte Buffer would keep a whole message alive, and could read it. Here every view has
// memory of its own. Errors: V8 says "b(){} could not be cloned", but not where that is. So if it fails,
// clone-refusal.ts walks the value to find the part.

import { Buffer } from 'node:buffer' // a program may delete the global one
import { Deserializer, Serializer } from 'node:v8'
import { ProtocolError, UsageError } from '../../errors.js'
import { firstLine, isStackOverflow, kindOf, MAX_VALUE_BYTES, refusal, TooLargeError } from './clone-refusal.js'

/** Memory of at least this many bytes can travel beside a value. */
export const MIN_BLOCK_BYTES = 64 * 1024

// A bit in the kind of a view: its bytes are not here but in the block with this number.
const BESIDE = 0x80
// How many parts of a value are searched for ArrayBuffers of that size. V8 calls us for views, but
// not for ArrayBuffers.
const MAX_LOOKED_AT = 256

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

class ValueSerializer extends Serializer {
  #viewBytes = 0
  declare private _setTreatArrayBufferViewsAsHostObjects: (on: boolean) => void

  /** @param blocks takes the memory that travels beside the value */
  constructor(private readonly blocks?: Uint8Array[]) {
    super()
    // Without this, V8 writes the whole ArrayBuffer of a view: for a small Buffer that is Node's
    // pool of 8 KiB, with unrelated data in it.
    this._setTreatArrayBufferViewsAsHostObjects(true)
  }

  /** Called by V8 for every view, and for objects that C++ made (MessagePort, KeyObject), which we refuse. */
  _writeHostObject(view: object): void {
    if (!ArrayBuffer.isView(view)) throw new Error(`${kindOf(view)} could not be cloned.`)
    const name = Buffer.isBuffer(view) ? 'Buffer' : (viewNameOf.call(view) ?? 'DataView')
    const kind = VIEW_CLASSES.indexOf(name)
    if (kind < 0) throw new Error(`${name} could not be cloned.`)
    if (this.blocks && view.byteLength >= MIN_BLOCK_BYTES) {
      this.writeUint32(kind | BESIDE)
      this.writeUint32(this.blocks.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)) - 1)
      return
    }
    // Before the copy: a length above 32 bits would be truncated, and the bytes would be read as something else.
    this.#viewBytes += view.byteLength
    if (this.#viewBytes > MAX_VALUE_BYTES) throw new TooLargeError(`${this.#viewBytes} bytes`)
    this.writeUint32(kind)
    this.writeUint32(view.byteLength)
    this.writeRawBytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }
}

class ValueDeserializer extends Deserializer {
  constructor(
    bytes: Uint8Array,
    private readonly blocks: readonly ArrayBuffer[],
  ) {
    super(bytes)
  }

  /** Called by V8 for the bytes that _writeHostObject() wrote. */
  _readHostObject(): object {
    const kind = this.readUint32()
    const name = VIEW_CLASSES[kind & ~BESIDE]
    const bytes = kind & BESIDE ? undefined : this.readRawBytes(this.readUint32())
    const memory = bytes ? undefined : this.blocks[this.readUint32()]
    if (!bytes && !memory) throw new Error('A block of memory is missing.')
    if (name === 'Buffer') return memory ? Buffer.from(memory) : Buffer.from(bytes!)
    const View = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[name ?? '']
    if (View === undefined)
      throw new Error(`${name ?? 'This kind of array'} does not exist in Node ${process.version}.`)
    const whole = memory ?? new Uint8Array(bytes!).buffer
    return new View(whole, 0, whole.byteLength / (View.BYTES_PER_ELEMENT ?? 1))
  }
}

/** One object of each class that reads and writes values (template/rehearse.ts says what for). */
export const coders = (): object[] => [new ValueSerializer(), new ValueDeserializer(new Uint8Array(), [])]

/**
 * Writes a value as a structured clone: what structuredClone() keeps is kept (Map, Set, Date, RegExp, BigInt, cycles,
 * sparse arrays, -0, NaN, boxed primitives, ArrayBuffer, errors with name, message, stack and cause), and Buffers stay
 * Buffers. Of a typed array its own elements are written, not the memory around it, so two views of one ArrayBuffer
 * arrive apart; a view of a SharedArrayBuffer arrives as a copy. Class instances arrive as plain objects with their
 * own enumerable properties, and properties named by symbols do not arrive, as with structuredClone().
 *
 * @param value anything; its getters are run
 * @param name the name of the value in errors, such as 'arguments'
 * @param blocks takes the memory of views and ArrayBuffers of MIN_BLOCK_BYTES and more, as it is and not as a copy; it
 *   travels beside the value
 * @returns the bytes, at most MAX_VALUE_BYTES of them
 * @throws UsageError ERR_CANNOT_CLONE, with the path of the part that cannot be cloned, and the original error as cause
 * @example
 * encodeValue([{ a: { b() {} } }], 'arguments') // "arguments[0].a.b is a function, which cannot be cloned. ..."
 */
export function encodeValue(value: unknown, name: string, blocks?: Uint8Array[]): Buffer {
  try {
    return serialize(value, blocks)
  } catch (cause) {
    throw refusal(value, name, { cause, isCloneable })
  }
}

function serialize(value: unknown, blocks?: Uint8Array[]): Buffer {
  const serializer = new ValueSerializer(blocks)
  if (blocks && value !== null && typeof value === 'object') markBuffers(value, serializer, blocks)
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
 * @param blocks the memory that travelled beside it; the value uses it
 * @returns the clone
 * @throws ProtocolError ERR_PROTOCOL for bytes that are no encoded value, or more than one
 * @throws UsageError ERR_CANNOT_CLONE for a value that could be written but cannot be rebuilt here
 */
export function decodeValue(bytes: Uint8Array, blocks: readonly ArrayBuffer[] = []): unknown {
  const deserializer = new ValueDeserializer(bytes, blocks)
  for (const [index, block] of blocks.entries()) deserializer.transferArrayBuffer(index, block)
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
  // The deserializer does not report its position, but an empty view of the next bytes shows it.
  const surplus = bytes.byteLength - (deserializer.readRawBytes(0).byteOffset - bytes.byteOffset)
  if (surplus !== 0) throw new ProtocolError('ERR_PROTOCOL', `An encoded value is followed by ${surplus} more bytes.`)
  return value
}

function isCloneable(value: unknown): boolean {
  try {
    serialize(value)
    return true
  } catch {
    return false
  }
}

/**
 * Gives V8 the large ArrayBuffers near the top of the value, in the order in which it finds them.
 * V8 writes their numbers in their place.
 */
function markBuffers(root: object, serializer: Serializer, blocks: Uint8Array[]): void {
  const open: object[] = [root]
  for (let looked = 0, next = 0; next < open.length; next++) {
    const value = open[next]!
    // Own data properties only, because a getter must not run twice. V8 writes all the rest as usual.
    const parts = Array.isArray(value)
      ? value
      : Object.values(Object.getOwnPropertyDescriptors(value)).map((one) => one.value)
    for (const part of parts) {
      if (++looked > MAX_LOOKED_AT) return
      if (part === null || typeof part !== 'object' || ArrayBuffer.isView(part)) continue
      if (part instanceof ArrayBuffer) {
        if (part.byteLength < MIN_BLOCK_BYTES || open.includes(part)) continue
        open.push(part) // seen: it has no properties
        serializer.transferArrayBuffer(blocks.push(new Uint8Array(part)) - 1, part)
      } else if (Array.isArray(part) || Object.getPrototypeOf(part) === Object.prototype) open.push(part)
    }
  }
}
