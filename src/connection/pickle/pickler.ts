// Runs in: owner and child. Writes plain data as a pickle of protocol 4, which Python 3.4 and later read. Pure.
//
// Unfinished containers are kept in a list instead of the call stack, so deep nesting only costs memory. Every
// container is stored in the memo of the pickle. If it comes again, the pickle refers to the memo. So shared references
// and cycles are kept.

import { types } from 'node:util'
import { UsageError } from '../../errors.js'
import { MAX_VALUE_BYTES } from '../../wire/values/clone-refusal.js'
import { type OpcodeRow, PICKLE_OPCODES, WRITTEN_PROTOCOL } from './opcodes.js'
import { Output, OutputTooLargeError } from './output.js'
import { cannotPickle, findEqualKeys, type OpenContainer, partsOf, refusal, unreadable } from './parts.js'
import { ByteArray, Float } from './types.js'

/** Without this limit, a getter that always returns a new object would never end. */
export const MAX_WRITE_DEPTH = 100_000

const OP = PICKLE_OPCODES
const MAX_BYTE = 0xff
const TUPLE_OPS: readonly OpcodeRow[] = [OP.EMPTY_TUPLE, OP.TUPLE1, OP.TUPLE2, OP.TUPLE3]
const EMPTY_OPS = { list: OP.EMPTY_LIST, dict: OP.EMPTY_DICT, set: OP.EMPTY_SET }
const FILL_OPS = { list: OP.APPENDS, dict: OP.SETITEMS, set: OP.ADDITEMS }

class Writer {
  readonly #out = new Output()
  readonly #open: OpenContainer[] = []
  /**
   * The memo numbers of what was stored, by kind, because the same Set can be a set in one place and a frozenset in a
   * key.
   */
  readonly #notes = new Map<object, number>()
  readonly #keyNotes = new Map<object, number>()
  readonly #names = new Map<string, number>()
  #noteCount = 0
  /** The tuples and frozensets that are unfinished, with the size of the memo when they began. */
  readonly #unfinished = new Map<object, number[]>()

  write(root: unknown): Buffer {
    this.#out.op1(OP.PROTO, WRITTEN_PROTOCOL)
    this.#value(root, false)
    for (let top = this.#open.at(-1); top !== undefined; top = this.#open.at(-1)) this.#goOn(top)
    this.#out.op(OP.STOP)
    return this.#out.bytes
  }

  /** The containers that are being written, for error messages. */
  get open(): readonly OpenContainer[] {
    return this.#open
  }

  /** Writes the next parts of a container, up to a part that is a container itself, or to the end. */
  #goOn(container: OpenContainer): void {
    const depth = this.#open.length
    const { parts } = container
    while (container.written < container.count) {
      const part = parts[container.written++]
      if (container.isObject) {
        this.#name(part as string)
        this.#value((container.value as Record<string, unknown>)[part as string], false)
      } else if (container.kind === 'dict' && container.written % 2 === 1) {
        if (typeof part === 'string') this.#name(part)
        else this.#value(part, true)
      } else this.#value(part, container.isKey || container.kind === 'set' || container.kind === 'frozenset')
      if (this.#open.length !== depth) return
    }
    this.#open.pop()
    this.#close(container)
  }

  #value(value: unknown, isKey: boolean): void {
    switch (typeof value) {
      case 'number':
        // -0 is a float, because no int is -0.
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#out.int(value)
        else this.#out.float(value)
        return
      case 'string':
        this.#out.text(value)
        return
      case 'undefined':
        this.#out.op(OP.NONE)
        return
      case 'boolean':
        this.#out.op(value ? OP.NEWTRUE : OP.NEWFALSE)
        return
      case 'bigint':
        if (Number.isSafeInteger(Number(value))) this.#out.int(Number(value))
        else this.#out.long(value)
        return
      case 'object':
        if (value === null) this.#out.op(OP.NONE)
        else if (!this.#mention(value, isKey)) this.#object(value, isKey)
        return
      default:
        throw refusal(this.#open, value, isKey)
    }
  }

  #object(value: object, isKey: boolean): void {
    if (value instanceof Float) this.#out.float(Number(value))
    else if (types.isUint8Array(value)) this.#bytes(value, isKey)
    else this.#container(value, isKey)
  }

  #bytes(value: Uint8Array, isKey: boolean): void {
    const isByteArray = value instanceof ByteArray
    if ((isByteArray && isKey) || isDetached(value)) throw refusal(this.#open, value, isKey)
    if (isByteArray) {
      // BYTEARRAY8 was added in protocol 5. In protocol 4 it is a call, which Python's own reader makes.
      this.#out.text('builtins')
      this.#out.text('bytearray')
      this.#out.op(OP.STACK_GLOBAL)
    }
    this.#out.blob(value)
    if (isByteArray) {
      this.#out.op(OP.TUPLE1)
      this.#out.op(OP.REDUCE)
    }
    this.#note(value, isKey)
  }

  #container(value: object, isKey: boolean): void {
    const found = partsOf(value, isKey)
    if (found === undefined) throw refusal(this.#open, value, isKey)
    const container: OpenContainer = { value, isKey, written: 0, count: found.parts.length, ...found }
    const { kind, parts, count } = container
    if (this.#open.length >= MAX_WRITE_DEPTH) {
      throw cannotPickle(
        this.#open,
        `is nested more than ${MAX_WRITE_DEPTH} deep. Send a flatter value, such as a list.`,
      )
    }
    if (kind === 'set' || kind === 'frozenset') this.#checkKeys(parts)
    else if (types.isMap(value)) this.#checkKeys([...Map.prototype.keys.call(value)])
    if (kind === 'tuple' || kind === 'frozenset') {
      this.#begin(value)
      if (kind === 'frozenset' || count >= TUPLE_OPS.length) this.#out.op(OP.MARK)
    } else {
      this.#out.op(EMPTY_OPS[kind])
      this.#note(value, isKey)
      if (count > 0) this.#out.op(OP.MARK)
    }
    this.#open.push(container)
  }

  /**
   * A tuple can be stored in the memo only when it is complete. If it contains itself through a list, it is written a
   * second time inside, and that one refers to the list. If nothing was stored in between, this would never end, and
   * Python could not build such a tuple either.
   */
  #begin(value: object): void {
    const times = this.#unfinished.get(value)
    if (times === undefined) this.#unfinished.set(value, [this.#noteCount])
    else if (times.at(-1) !== this.#noteCount) times.push(this.#noteCount)
    else
      throw cannotPickle(
        this.#open,
        'contains itself, which no tuple and no frozenset of Python can. Use an Array for a list.',
      )
  }

  #close({ value, kind, count, isKey }: OpenContainer): void {
    if (kind !== 'tuple' && kind !== 'frozenset') {
      if (count > 0) this.#out.op(FILL_OPS[kind])
      return
    }
    const times = this.#unfinished.get(value)!
    times.pop()
    if (times.length === 0) this.#unfinished.delete(value)
    const isShort = kind === 'tuple' && count < TUPLE_OPS.length
    if ((isKey ? this.#keyNotes : this.#notes).has(value)) {
      // It was written inside itself. Drop the parts, and refer to that one.
      if (isShort) for (let left = count; left > 0; left--) this.#out.op(OP.POP)
      else this.#out.op(OP.POP_MARK)
      this.#mention(value, isKey)
      return
    }
    this.#out.op(isShort ? TUPLE_OPS[count]! : kind === 'tuple' ? OP.TUPLE : OP.FROZENSET)
    this.#note(value, isKey)
  }

  #checkKeys(keys: readonly unknown[]): void {
    const equal = findEqualKeys(keys)
    if (equal === undefined) return
    const [one, other] = equal.map(String)
    throw cannotPickle(
      this.#open,
      `has the keys ${one} and ${other}, which are equal in Python: one would be lost. Use strings.`,
    )
  }

  /** Writes the key of a dict. Usually the same few keys come again and again. */
  #name(name: string): void {
    const noted = this.#names.get(name)
    if (noted !== undefined) this.#get(noted)
    else {
      this.#out.text(name)
      this.#out.op(OP.MEMOIZE)
      this.#names.set(name, this.#noteCount++)
    }
  }

  /** Stores what was just written in the memo. */
  #note(value: object, isKey: boolean): void {
    this.#out.op(OP.MEMOIZE)
    ;(isKey ? this.#keyNotes : this.#notes).set(value, this.#noteCount++)
  }

  /** Refers to the memo if the value was stored before. */
  #mention(value: object, isKey: boolean): boolean {
    const noted = (isKey ? this.#keyNotes : this.#notes).get(value)
    if (noted === undefined) return false
    this.#get(noted)
    return true
  }

  #get(note: number): void {
    if (note <= MAX_BYTE) this.#out.op1(OP.BINGET, note)
    else this.#out.op4(OP.LONG_BINGET, note)
  }
}

/** Whether the memory of an array was transferred away. Such an array is empty, but other arrays are empty, too. */
function isDetached(value: Uint8Array): boolean {
  if (value.length > 0) return false
  try {
    new Uint8Array(value.buffer)
    return false
  } catch {
    return true
  }
}

/**
 * Writes a value as a pickle of protocol 4. It runs getters, and leaves out properties whose names are symbols.
 *
 * @param value plain data
 * @throws UsageError ERR_CANNOT_CLONE; the message gives the path of the part that cannot be written
 */
export function writePickle(value: unknown): Buffer {
  const writer = new Writer()
  try {
    return writer.write(value)
  } catch (cause) {
    if (cause instanceof OutputTooLargeError) {
      const text = `has more than the ${MAX_VALUE_BYTES} bytes that a pickle may have. Send it in parts.`
      throw cannotPickle([], text, cause)
    }
    throw cause instanceof UsageError ? cause : unreadable(writer.open, cause)
  }
}
